/* SPDX-License-Identifier: Apache-2.0 */
/* scan.pml: holder set in two words. Y (word 1) hands its hold over to X (word 0), W (word 0) drops and scans the words for emptiness.
 * default: as designed (drop = and-not, then read all words). -DVER: a hold also bumps a version, the last dropper CASes on it. */
bit w0x = 0, w0w = 1, w1y = 1, live = 1, handed = 0, xholds = 0; byte ver = 0; bit freeing = 0;
proctype Y() { handed = 1; (xholds); w1y = 0; 
#ifndef VER
 if :: !w0x && !w0w -> if :: !w1y -> d_step { assert(!xholds); live = 0 } :: else fi :: else fi
#endif
}
proctype X() { handed; w0x = 1;
#ifdef VER
  ver++;
#endif
  xholds = 1 }
proctype W() { byte v; w0w = 0; v = ver;
  if :: !(w0x || w0w) -> if :: !w1y ->
#ifdef VER
     d_step { if :: ver == v && !freeing -> freeing = 1; assert(!xholds); live = 0 :: else fi }
#else
     d_step { assert(!xholds); live = 0 }
#endif
     :: else fi :: else fi }
init { atomic { run Y(); run X(); run W() } }
