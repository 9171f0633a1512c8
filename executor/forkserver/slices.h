/* How soon the calling thread runs when it wakes. */
#ifndef QREW_SLICES_H
#define QREW_SLICES_H

void ask_for_short_slices(void);

#endif
