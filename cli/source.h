/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operands that name networks: SPACE (YAML with stages:), CONFIG (YAML with space:), ARCH (a
 * net.config JSON), RUN or MODEL (a folder with arch.json). They are told apart by what they hold.
 *
 *     onp_source source;
 *     ONP_TRY(onp_source_open(app, path, ONP_SOURCE_ARCH | ONP_SOURCE_SPACE, &source, err));
 *     if (source.arch != NULL) ...
 *     onp_source_close(&source);
 */
#ifndef ONP_CLI_SOURCE_H
#define ONP_CLI_SOURCE_H

#include "cli/app.h"
#include "search/config.h"
#include "supernet/arch.h"
#include "supernet/space.h"
#include "supernet/supernet.h"

/* What an operand may be. */
enum { ONP_SOURCE_ARCH = 1, ONP_SOURCE_SPACE = 2, ONP_SOURCE_CONFIG = 4 };

/* Exactly one of arch and space is not NULL. */
typedef struct onp_source {
    onp_arch *arch;    /* ARCH, RUN */
    onp_space *space;  /* SPACE; CONFIG: the config's */
    bool is_config;    /* CONFIG: */
    onp_config config; /* all zero otherwise */
} onp_source;

/*
 * Reads what path names; `wanted` is a sum of ONP_SOURCE_. All problems of a YAML file go to
 * standard error; --set applies to it. Errors: ONP_E_CONFIG (YAML: missing, malformed, neither
 * kind), ONP_E_FORMAT (everything else that cannot be read), ONP_E_USAGE (it is of a kind that is
 * not wanted), ONP_E_NOMEM. *out is then all zero.
 */
onp_status onp_source_open(onp_app *app, const char *path, int wanted, onp_source *out,
                           onp_error *err) ONP_MUST_USE;
void onp_source_close(onp_source *source);

/* One block for each position of a path, borrowing nothing. blocks: ONP_MAX_POSITIONS; returns how
 * many. */
int32_t onp_source_path_blocks(const onp_space *space, const int32_t *path, onp_block *blocks);

#endif
