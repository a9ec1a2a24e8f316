/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/measure/remote.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/progress.h"
#include "base/text.h"
#include "latency/measure/advice.h"
#include "latency/measure/agent_binary.h"
#include "latency/measure/process.h"
#include "latency/measure/words.h"

#define SECOND_NS    ((int64_t)1000000000)
#define LOOK_NS      (40 * SECOND_NS)
#define COPY_NS      (600 * SECOND_NS)
#define SHOWN        220
#define MAX_OUTPUT   (64 * ONP_KIB)
#define NAME         "onepath-agent-"
#define HASH_IN_NAME 16

/*
 * What a shell of the device runs (sh of Debian, busybox, Android), each on one line. The mark at
 * the end says that all was well: old versions of adb lose exit codes.
 */
#define DONE "onepath-done"

/* The first folder that is ours and that programs can be started from: a script is tried there. A
 * folder of another user could hold another's program. */
#define LOOK(more, folders)                                                                        \
    "umask 077; set -f; echo onepath $(uname -s) $(uname -m); [ -t 0 ] && echo terminal; " more    \
    "for d in " folders "; do f=$d/.try$$; "                                                       \
    "if why=$({ mkdir -p -m 700 \"$d\" && "                                                        \
    "{ [ -O \"$d\" ] || ! echo it belongs to another user; } && "                                  \
    "echo exit 0 >\"$f\" && chmod 700 \"$f\" && "                                                  \
    "{ \"$f\" || ! echo programs cannot be started from it; }; } 2>&1); "                          \
    "then rm -f \"$f\"; echo folder \"$d\"; break; fi; "                                           \
    "rm -f \"$f\"; echo not \"$d\": $why; done; "                                                  \
    "set +f; sha256sum \"$d\"/" NAME "* 2>/dev/null; echo " DONE

static const char look_ssh[] =
    LOOK("", "\"$HOME/.cache/onepath\" \"${TMPDIR:-/tmp}/onepath-$(id -u)\"");
static const char look_adb[] =
    LOOK("echo device $(getprop ro.product.manufacturer) $(getprop ro.product.model); ",
         "/data/local/tmp/onepath");

/* $1: the folder, $2: what arrived, $3: its name to be, $4: its size */
#define SETTLE                                                                                     \
    "if [ $(wc -c <\"$1/$2\") -eq $4 ] && chmod 700 \"$1/$2\" && mv -f \"$1/$2\" \"$1/$3\"; "      \
    "then for f in \"$1\"/" NAME "*; do [ \"$f\" = \"$1/$3\" ] || rm -f \"$f\"; done; "            \
    "echo " DONE "; else rm -f \"$1/$2\"; fi"
static const char settle[] = SETTLE;
static const char receive[] = "umask 077; cat >\"$1/$2\"; " SETTLE;

static const char start_agent[] = "exec env -i PATH=\"$PATH\" \"$@\"";

void onp_remote_init(onp_remote *r, const onp_context *ctx, const onp_target *target,
                     const char *ssh_config)
{
    *r = (onp_remote){.ctx = ctx, .target = target, .ssh_config = ssh_config};
    onp_strbuf_init(&r->said, ctx);
}

void onp_remote_reset(onp_remote *r)
{
    onp_strbuf_reset(&r->said);
}

/* ---- lines ---- */

void onp_remote_argv(const onp_remote *r, const char *line, const char *argv[ONP_REMOTE_ARGV])
{
    static const char *const options[] = {
        "-T", "-oBatchMode=yes", "-oConnectTimeout=10",
        /* a link that broke is found out, though an agent that measures says nothing for long */
        "-oServerAliveInterval=15", "-oServerAliveCountMax=3", "-oClearAllForwardings=yes", "--"};
    const char *address = r->target->words;
    size_t n = 0;
    if (r->target->kind == ONP_TARGET_SSH) {
        argv[n++] = "ssh";
        if (r->ssh_config != NULL) {
            argv[n++] = "-F";
            argv[n++] = r->ssh_config;
        }
        for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
            argv[n++] = options[i];
        argv[n++] = address;
    } else {
        argv[n++] = "adb";
        if (address[0] != '\0') {
            argv[n++] = "-s";
            argv[n++] = address;
        }
        argv[n++] = "shell";
    }
    argv[n++] = line;
    argv[n] = NULL;
}

/* sh -c SCRIPT sh WORD... */
static void add_script(onp_strbuf *line, const char *script, const char *const *words,
                       size_t n_words)
{
    onp_strbuf_adds(line, "sh -c ");
    onp_words_quote(line, script);
    onp_strbuf_adds(line, " sh");
    for (size_t i = 0; i < n_words; i++) {
        onp_strbuf_adds(line, " ");
        onp_words_quote(line, words[i]);
    }
}

void onp_remote_agent_line(const onp_remote *r, const char *const *words, size_t n_words,
                           onp_strbuf *line)
{
    add_script(line, start_agent, (const char *const[]){r->agent}, 1);
    for (size_t i = 0; i < n_words; i++) {
        onp_strbuf_adds(line, " ");
        onp_words_quote(line, words[i]);
    }
}

typedef struct job {
    const char *const *argv;
    const char *input; /* a file; NULL: none */
    int64_t timeout_ns;
    bool marked;         /* it says DONE when all was well, else its exit code is 0 */
    const char *failure; /* what it means when it was not */
} job;

/* The last of what it wrote on standard output, where some say what went wrong. */
static void last_words(const onp_strbuf *said, char out[SHOWN + 1])
{
    size_t n = said->length;
    while (n > 0 && strchr(" \r\n", said->text[n - 1]) != NULL)
        n--;
    const size_t shown = n < SHOWN ? n : SHOWN;
    (void)snprintf(out, SHOWN + 1, "%.*s", (int)shown, said->text + n - shown);
    for (char *c = strchr(out, '\n'); c != NULL; c = strchr(c, '\n'))
        *c = ' ';
}

/* Runs it to its end; what it wrote is then in r->said. */
static onp_status run(onp_remote *r, const job *j, onp_error *err)
{
    onp_process p;
    const char *output = NULL;
    size_t length = 0;
    int code = 0;
    ONP_TRY(onp_process_start_with(r->ctx, j->argv, j->input, MAX_OUTPUT, &p, err));
    onp_status st =
        onp_process_wait(&p, onp_now_ns() + j->timeout_ns, &output, &length, &code, err);
    onp_strbuf_reset(&r->said);
    if (st == ONP_OK) {
        onp_strbuf_add(&r->said, output, length);
        st = onp_strbuf_status(&r->said, err);
    }
    if (st == ONP_OK && !(j->marked ? strstr(r->said.text, DONE) != NULL : code == 0)) {
        char last[SHOWN + 1];
        last_words(&r->said, last);
        st = onp_fail(err, ONP_E_DEVICE, "%s (exit code %d)%s%s", j->failure, code,
                      last[0] != '\0' ? ": " : "", last);
    }
    onp_process_end(&p, 0);
    return st == ONP_OK ? ONP_OK : onp_process_failed(&p, r->target->text, st, err);
}

/* ---- what it is ---- */

/* The next line of *at, made a text of its own; NULL after the last. */
static char *next_line(char **at)
{
    char *line = *at;
    if (*line == '\0')
        return NULL;
    char *end = line + strcspn(line, "\n");
    *at = *end != '\0' ? end + 1 : end;
    *end = '\0';
    if (end > line && end[-1] == '\r')
        end[-1] = '\0';
    return line;
}

/* What stands behind `key` and a blank; NULL when line is about something else. */
static const char *value_of(const char *line, const char *key)
{
    const size_t n = strlen(key);
    return strncmp(line, key, n) == 0 && line[n] == ' ' ? line + n + 1 : NULL;
}

/* False when text does not fit or could do something to a terminal. */
static bool take(char *out, size_t size, const char *text)
{
    const size_t n = strlen(text);
    if (n >= size || !onp_text_is_plain(text))
        return false;
    memcpy(out, text, n + 1);
    return true;
}

/* "Linux aarch64", from the first line: a shell whose start-up files print something would say that
 * before the agent's answers too. */
static onp_status take_system(onp_remote *r, const char *line, onp_error *err)
{
    const char *system = value_of(line, "onepath");
    if (system == NULL)
        return onp_fail(
            err, ONP_E_DEVICE,
            "%.80s: its shell prints \"%.80s\" before it runs a command; wanted nothing "
            "from its start-up files when it is not interactive",
            r->target->text, line);
    const char *arch = value_of(system, "Linux");
    if (arch == NULL || arch[0] == '\0' || !take(r->arch, sizeof r->arch, arch))
        return onp_fail(err, ONP_E_DEVICE, "%.80s: is \"%.40s\", wanted Linux", r->target->text,
                        system);
    return ONP_OK;
}

static onp_status no_folder(const onp_remote *r, const char *reasons, onp_error *err)
{
    const char *advice = onp_advice(reasons);
    return onp_fail(err, ONP_E_DEVICE, "%.80s: no folder for the agent: %.300s%s%s%s",
                    r->target->text, reasons, advice != NULL ? " (" : "",
                    advice != NULL ? advice : "", advice != NULL ? ")" : "");
}

static onp_status take_lines(onp_remote *r, char *text, onp_error *err)
{
    char reasons[400] = "";
    const char *value;
    char *line = next_line(&text);
    ONP_TRY(take_system(r, line != NULL ? line : "", err));
    while ((line = next_line(&text)) != NULL) {
        const size_t used = strlen(reasons);
        if (strcmp(line, "terminal") == 0)
            return onp_fail(err, ONP_E_DEVICE,
                            "%.80s: its adb runs every command in a terminal, as Android 6 and "
                            "before do; wanted Android 7 or later",
                            r->target->text);
        if ((value = value_of(line, "device")) != NULL)
            (void)take(r->device, sizeof r->device, value);
        else if ((value = value_of(line, "not")) != NULL)
            (void)snprintf(reasons + used, sizeof reasons - used, "%s%s", used > 0 ? "; " : "",
                           value);
        else if ((value = value_of(line, "folder")) != NULL && value[0] == '/')
            (void)take(r->folder, sizeof r->folder, value);
    }
    return r->folder[0] != '\0' ? ONP_OK : no_folder(r, reasons, err);
}

onp_status onp_remote_take_look(onp_remote *r, onp_error *err)
{
    char *copy = onp_strdup(r->ctx, r->said.text); /* the lines with hashes are wanted later */
    if (copy == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%.80s: out of memory", r->target->text);
    onp_status st = take_lines(r, copy, err);
    onp_free(r->ctx, copy);
    return st;
}

onp_status onp_remote_look(onp_remote *r, onp_error *err)
{
    const char *argv[ONP_REMOTE_ARGV];
    onp_strbuf line;
    onp_strbuf_init(&line, r->ctx);
    add_script(&line, r->target->kind == ONP_TARGET_SSH ? look_ssh : look_adb, NULL, 0);
    onp_status st = onp_strbuf_status(&line, err);
    onp_remote_argv(r, line.text, argv);
    if (st == ONP_OK)
        st = run(
            r,
            &(job){
                .argv = argv, .timeout_ns = LOOK_NS, .marked = true, .failure = "cannot be used"},
            err);
    onp_strbuf_reset(&line);
    return st == ONP_OK ? onp_remote_take_look(r, err) : st;
}

/* ---- the agent ---- */

typedef struct parcel {
    char path[PATH_MAX]; /* here */
    char name[80], arriving[80], size[24];
} parcel;

/* By the line of sha256sum: 64 digits, two blanks, the path. */
static bool lies_there(const onp_remote *r, const char *hash)
{
    char wanted[ONP_SHA256_HEX + ONP_REMOTE_PATH + 100];
    (void)snprintf(wanted, sizeof wanted, "\n%s  %s", hash, r->agent);
    const char *found = strstr(r->said.text, wanted);
    return found != NULL && strchr("\r\n", found[strlen(wanted)]) != NULL;
}

static onp_status settle_parcel(onp_remote *r, const parcel *p, const char *script,
                                const char *input, onp_error *err)
{
    const char *argv[ONP_REMOTE_ARGV];
    onp_strbuf line;
    onp_strbuf_init(&line, r->ctx);
    add_script(&line, script, (const char *const[]){r->folder, p->arriving, p->name, p->size}, 4);
    onp_status st = onp_strbuf_status(&line, err);
    onp_remote_argv(r, line.text, argv);
    if (st == ONP_OK)
        st = run(r,
                 &(job){.argv = argv,
                        .input = input,
                        .timeout_ns = COPY_NS,
                        .marked = true,
                        .failure = "the agent did not arrive whole"},
                 err);
    onp_strbuf_reset(&line);
    return st;
}

static onp_status push(onp_remote *r, const parcel *p, onp_error *err)
{
    const char *argv[8] = {"adb"};
    char there[ONP_REMOTE_PATH + 96];
    size_t n = 1;
    if (r->target->words[0] != '\0') {
        argv[n++] = "-s";
        argv[n++] = r->target->words;
    }
    (void)snprintf(there, sizeof there, "%s/%s", r->folder, p->arriving);
    argv[n++] = "push";
    argv[n++] = p->path;
    argv[n++] = there;
    argv[n] = NULL;
    const job j = {.argv = argv, .timeout_ns = COPY_NS, .failure = "the agent could not be copied"};
    ONP_TRY(run(r, &j, err));
    return settle_parcel(r, p, settle, NULL, err);
}

static onp_status copy(onp_remote *r, const parcel *p, onp_error *err)
{
    onp_log(r->ctx, ONP_LOG_INFO, "%s: copying the agent (%s bytes)", r->target->text, p->size);
    if (r->target->kind == ONP_TARGET_ADB)
        return push(r, p, err);
    return settle_parcel(r, p, receive, p->path, err);
}

/* A shell would take a program of another processor for a script of its own. */
static onp_status check_processor(const onp_remote *r, const parcel *p, const onp_mapped_file *file,
                                  onp_error *err)
{
    static const struct {
        const char *arch;
        unsigned machine;
    } table[] = {{"x86_64", EM_X86_64}, {"aarch64", EM_AARCH64}};
    Elf64_Ehdr head;
    if (file->size < sizeof head || memcmp(file->data, ELFMAG, SELFMAG) != 0)
        return ONP_OK; /* a script around it, perhaps */
    memcpy(&head, file->data, sizeof head);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(r->arch, table[i].arch) == 0 && head.e_machine != table[i].machine)
            return onp_fail(err, ONP_E_DEVICE,
                            "%s: is a program for another processor, wanted %s for %.80s", p->path,
                            r->arch, r->target->text);
    return ONP_OK;
}

onp_status onp_remote_bring(onp_remote *r, const char *agent, onp_error *err)
{
    parcel p;
    onp_mapped_file file;
    char found[4096], hash[ONP_SHA256_HEX];
    if (agent == NULL && onp_agent_binary_find(r->arch, found, sizeof found, err) != ONP_OK)
        return onp_fail_prefix(err, ONP_E_DEVICE, "%.80s: ", r->target->text);
    if (realpath(agent != NULL ? agent : found, p.path) == NULL) /* none begins with "-" */
        return onp_fail(err, ONP_E_IO, "%s: %s", agent != NULL ? agent : found, strerror(errno));
    ONP_TRY(onp_file_map(p.path, &file, err));
    onp_status st = check_processor(r, &p, &file, err);
    onp_sha256(file.data, file.size, hash);
    (void)snprintf(p.size, sizeof p.size, "%zu", file.size);
    onp_file_unmap(&file);
    if (st != ONP_OK)
        return st;
    (void)snprintf(p.name, sizeof p.name, NAME "%.*s", HASH_IN_NAME, hash);
    (void)snprintf(p.arriving, sizeof p.arriving, ".new-%.*s", HASH_IN_NAME, hash);
    (void)snprintf(r->agent, sizeof r->agent, "%s/%s", r->folder, p.name);
    return lies_there(r, hash) ? ONP_OK : copy(r, &p, err);
}
