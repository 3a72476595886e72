/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline.c - images go through three processes without a copy: the first reads
 * PNM files (P6), the second makes them grey in place, the third writes them.
 * What is handed over is the image itself.
 *
 *	cc -o pipeline pipeline.c $(pkg-config --cflags --libs libmheap)
 *	./pipeline IN.ppm OUT.pgm [IN.ppm OUT.pgm]...
 */
#include <mheap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define HEAP	"example-pipeline"
#define PIXELS	(64u << 20)

struct image {
	unsigned width, height, bytes;	/* a pixel: 3, then 1 */
	char	 out[200];		/* where it goes */
	unsigned char pixel[];
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	exit(1);
}

static struct image *read_image(mh_heap *h, const char *path, const char *out)
{
	FILE *f = fopen(path, "rb");
	unsigned w, ht, max;
	struct image *im;
	size_t n;

	if (!f || fscanf(f, "P6 %u %u %u%*1[ \n]", &w, &ht, &max) != 3 ||
	    max != 255 || !w || !ht || w > PIXELS / ht)
		die(path, "not a P6 image of 8 bits");
	n = 3ul * w * ht;
	im = mh_alloc_flags(h, sizeof(*im) + n, MH_HELD);
	if (!im)
		die(path, mh_errmsg());
	im->width = w;
	im->height = ht;
	im->bytes = 3;
	snprintf(im->out, sizeof(im->out), "%s", out);
	if (fread(im->pixel, 1, n, f) != n)
		die(path, "ends too early");
	fclose(f);
	return im;
}

static void make_grey(struct image *im)
{
	unsigned char *to = im->pixel, *from = im->pixel;

	for (size_t i = 0; i < (size_t)im->width * im->height; i++, from += 3)
		*to++ = (unsigned char)((from[0] * 77 + from[1] * 150 +
					 from[2] * 29) >> 8);
	im->bytes = 1;
}

static void write_image(const struct image *im)
{
	size_t n = (size_t)im->width * im->height;
	FILE *f = fopen(im->out, "wb");

	if (!f || fprintf(f, "P5\n%u %u\n255\n", im->width, im->height) < 0 ||
	    fwrite(im->pixel, 1, n, f) != n || fclose(f))
		die(im->out, "can't be written");
	printf("%s: %u x %u\n", im->out, im->width, im->height);
}

/* One stage: from a channel, into the next one or a file, n images. */
static int stage(mh_heap *h, const char *from, const char *to, int n)
{
	mh_chan *in = mh_chan_open(h, from, 4, 0);
	mh_chan *out = to ? mh_chan_open(h, to, 4, 0) : NULL;

	if (!in || (to && !out))
		die("channel", mh_errmsg());
	while (n--) {
		struct image *im = mh_chan_recv(in, 10000);

		if (!im)
			die(from, mh_errmsg());
		if (!to) {
			write_image(im);
			mh_drop(h, im);
			continue;
		}
		make_grey(im);
		if (mh_chan_send(out, im, 10000))
			die(to, mh_errmsg());
	}
	mh_chan_close(in);
	return out ? mh_chan_close(out) : 0;
}

int main(int argc, char **argv)
{
	mh_heap *h = mh_attach(HEAP, MH_START);
	int n = (argc - 1) / 2, failed = 0, status;
	mh_chan *raw;

	if (argc < 3 || argc % 2 == 0)
		die("usage", "pipeline IN.ppm OUT.pgm [IN.ppm OUT.pgm]...");
	raw = h ? mh_chan_open(h, "raw", 4, 0) : NULL;
	if (!raw)
		die("attach", mh_errmsg());
	if (!fork())
		exit(stage(h, "raw", "grey", n));
	if (!fork())
		exit(stage(h, "grey", NULL, n));
	for (int i = 0; i < n; i++)
		if (mh_chan_send(raw, read_image(h, argv[1 + 2 * i],
						 argv[2 + 2 * i]), 10000))
			die("raw", mh_errmsg());
	while (wait(&status) > 0)
		failed |= status;
	mh_chan_close(raw);
	mh_chan_remove(h, "raw");
	mh_chan_remove(h, "grey");
	return failed || mh_detach(h) ? 1 : 0;
}
