// SPDX-License-Identifier: Apache-2.0
/*
 * boost.cpp - Boost.Interprocess as its users have it: a managed_shared_memory
 * (one mutex, best fit in a red-black tree) that each process opens by name at
 * an address of its own.  Compiled once for each release of Boost that is
 * measured.  The table of functions is boost_table.c.
 */
#include <boost/interprocess/managed_shared_memory.hpp>
#include <boost/version.hpp>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <new>

#include "bench/peers/boost.h"

namespace bip = boost::interprocess;
using segment_t = bip::managed_shared_memory;

const char boost_name[] = PEER_NAME;		// -D: boost174, boost181
static constexpr int release = BOOST_VERSION / 100 % 1000;
const char boost_version[] = { '1', '.', '0' + release / 10,
			       '0' + release % 10, 0 };

static int failed(const char *what, const char *object, const std::exception &e)
{
	std::fprintf(stderr, "%s: can't %s the shared memory %s: %s\n",
		     boost_name, what, object, e.what());
	return -EIO;
}

int boost_create(const char *object, uint64_t bytes)
{
	try {
		segment_t(bip::create_only, object, bytes);
		return 0;
	} catch (const std::exception &e) {
		bip::shared_memory_object::remove(object);
		return failed("make", object, e);
	}
}

void boost_destroy(const char *object)
{
	bip::shared_memory_object::remove(object);
}

void *boost_attach(const char *object)
{
	try {
		return new segment_t(bip::open_only, object);
	} catch (const std::exception &e) {
		failed("open", object, e);
		return nullptr;
	}
}

void boost_detach(void *segment)
{
	delete static_cast<segment_t *>(segment);
}

void *boost_alloc(void *segment, size_t size)
{
	return static_cast<segment_t *>(segment)->allocate(size, std::nothrow);
}

void boost_free(void *segment, void *p)
{
	static_cast<segment_t *>(segment)->deallocate(p);
}

uint64_t boost_handle(void *segment, void *p)
{
	auto s = static_cast<segment_t *>(segment);

	return static_cast<uint64_t>(s->get_handle_from_address(p));
}

void *boost_deref(void *segment, uint64_t handle)
{
	auto s = static_cast<segment_t *>(segment);

	return s->get_address_from_handle(
		static_cast<segment_t::handle_t>(handle));
}
