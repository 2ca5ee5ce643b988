/* SPDX-License-Identifier: MIT */
/* The same for a user who cannot take inline assembly, with a library that may have. */
#if !defined(HK_CONTEXT_REFERENCE) && !defined(HK_CONTEXT_OUTLINE)
#define HK_CONTEXT_OUTLINE
#endif
#include "context/steps.h"

#if !defined(HK_CONTEXT_REFERENCE) && !SANITIZED
TEST(unwinds_from_every_instruction, .seconds = 60) { check_all_steps(); }
#endif
