/* SPDX-License-Identifier: Apache-2.0 */
/* Manual pages, in the man macros. */
#include <ctype.h>
#include <string.h>

#include "cli/docs.h"

static const struct {
    const char *name, *text;
} environment[] = {
    {"ONEPATH_DB", "The latency table, where --db is not given."},
    {"ONEPATH_KERNELS", "The kernel set, where --kernels is not given."},
    {"ONEPATH_CONFIGS",
     "A folder with spaces/NAME.yaml, for spaces that are named, not told where."},
    {"XDG_CACHE_HOME", "The folder that onepath/, with images as they were read, goes into; "
                       "~/.cache where it is not set. data.cache names another one."},
    {"OPENBLAS_CORETYPE",
     "Makes OpenBLAS use the kernels of another processor. It is respected, belongs to the "
     "platform that latencies are measured on, and doctor warns of it."},
    {"NO_COLOR", "Not empty: no colours on a terminal."},
};

static const struct {
    const char *name, *text;
} files[] = {
    {"latency.db", "The latency table, SQLite; by default beside the config."},
    {"RUN/config.yaml", "Every setting of a run that was in force, defaults included."},
    {"RUN/manifest.json", "Versions, seed, hashes, the machine and its kernel set."},
    {"RUN/run.db", "SQLite: metrics, the history of the path probabilities, events, and the "
                   "latencies that were used."},
    {"RUN/checkpoint.safetensors", "Where the same command goes on."},
    {"RUN/arch.json", "The network found, in the ProxylessNAS net.config form."},
    {"RUN/model.safetensors", "Its weights."},
    {"RUN/model.onnx", "The same network for other runtimes."},
    {"RUN/report.html", "One self-contained page about the run."},
};

static const struct {
    int code;
    const char *text;
} exits[] = {
    {0, "Done."},
    {1, "Failed; a latency row is missing; a platform that the search refuses."},
    {2, "A usage or configuration error, a missing config file too."},
    {3, "An image, data set, table, database, checkpoint or model that is unreadable, truncated "
        "or unsupported."},
    {4, "No network of the space meets the budget."},
    {5, "Finished, but the measured network misses the budget."},
    {6, "The device is unreachable, or too noisy to measure."},
    {130, "Interrupted; the checkpoint is written."},
};

static const struct {
    const char *command, *text;
} examples[] = {
    {"onepath init photographs --max-latency 60% --out mine.yaml",
     "Writes a configuration for a folder of images, one folder a class."},
    {"onepath search mine.yaml",
     "Measures what is missing, searches, trains, measures and reports, into runs/mine. The same "
     "command goes on after it was stopped."},
    {"onepath eval runs/mine photograph.jpg", "Says what is in an image."},
    {"onepath table import --format csv --device phone blocks.csv",
     "Takes a published latency table; search --set target.device=phone --allow-imported uses "
     "it."},
};

static const char words[] =
    "CONFIG is a search as YAML, with a space: key; SPACE a search space as YAML, with stages:; "
    "RUN "
    "the folder of a search, with its manifest.json; ARCH a network as JSON (ProxylessNAS "
    "net.config); MODEL a RUN, or a folder with arch.json and model.safetensors.";

/* Text that is no macro and whose dashes are those that one types. */
static void add_text(onp_strbuf *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        onp_strbuf_adds(out, "\\&");
    for (; *text != '\0'; text++) {
        if (*text == '\\')
            onp_strbuf_adds(out, "\\e");
        else if (*text == '-')
            onp_strbuf_adds(out, "\\-");
        else
            onp_strbuf_add(out, text, 1);
    }
}

static void add_line(onp_strbuf *out, const char *macro, const char *text)
{
    onp_strbuf_adds(out, macro);
    add_text(out, text);
    onp_strbuf_adds(out, "\n");
}

/* A term in bold, and what it means. */
static void add_item(onp_strbuf *out, const char *term, const char *text)
{
    add_line(out, ".TP\n.B ", term);
    add_line(out, "", text);
}

/* name: "onepath", "onepath-search" */
static void begin(onp_strbuf *out, const char *name, const char *summary)
{
    onp_strbuf_adds(out, ".\\\" Written by onepath-docs from the tables of the verbs.\n.TH ");
    for (const char *c = name; *c != '\0'; c++)
        onp_strbuf_addf(out, "%c", toupper((unsigned char)*c));
    onp_strbuf_adds(out, " 1 \"\" \"onepath " ONEPATH_VERSION "\" \"User Commands\"\n.SH NAME\n");
    add_text(out, name);
    onp_strbuf_adds(out, " \\- ");
    add_line(out, "", summary);
}

static void add_options(onp_strbuf *out, const onp_option *o)
{
    for (; o->name != NULL; o++) {
        onp_strbuf_adds(out, ".TP\n.BI \\-\\-");
        add_text(out, o->name);
        if (o->value != NULL) {
            onp_strbuf_adds(out, " \" ");
            add_text(out, o->value);
            onp_strbuf_adds(out, "\"");
        }
        onp_strbuf_adds(out, "\n");
        add_line(out, "", o->help);
    }
}

/* ".B onepath table import\nFILE [OPTIONS]" */
static void add_synopsis(onp_strbuf *out, const char *path, const char *operands)
{
    add_line(out, ".B ", path);
    if (operands[0] != '\0')
        add_line(out, ".I ", operands);
    onp_strbuf_adds(out, "[OPTIONS]\n");
}

static void add_about(onp_strbuf *out, const onp_verb *v)
{
    const char first = (char)toupper((unsigned char)v->summary[0]);
    onp_strbuf_addf(out, "%c", first);
    add_text(out, v->summary + 1);
    onp_strbuf_adds(out, ".\n");
    if (v->about != NULL)
        add_line(out, ".PP\n", v->about);
}

static void add_exits(onp_strbuf *out)
{
    onp_strbuf_adds(out, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < ONP_COUNT(exits); i++) {
        onp_strbuf_addf(out, ".TP\n.B %d\n", exits[i].code);
        add_line(out, "", exits[i].text);
    }
}

static void add_see_also(onp_strbuf *out, const char *self)
{
    onp_strbuf_adds(out, ".SH SEE ALSO\n");
    if (self[0] != '\0')
        onp_strbuf_adds(out, ".BR onepath (1),\n");
    const char *before = "";
    for (const onp_verb *const *v = onp_all_verbs; *v != NULL; v++) {
        if (strcmp((*v)->name, self) == 0)
            continue;
        onp_strbuf_addf(out, "%s.BR onepath\\-%s (1)", before, (*v)->name);
        before = ",\n";
    }
    onp_strbuf_adds(out, "\n");
}

void onp_docs_man(onp_strbuf *out)
{
    begin(out, "onepath", "designs a convolutional network for one device");
    onp_strbuf_adds(out, ".SH SYNOPSIS\n.B onepath\n.I VERB\n[OPTIONS]\n.SH DESCRIPTION\n");
    add_line(
        out, "",
        "Given labelled images, a search space, a device and a number of milliseconds, onepath "
        "measures what every block of the space costs on that device, trains one "
        "over-parameterised network of which only one path is ever in memory, learns which "
        "path to keep with the measured latency in the loss, and hands back that network: "
        "retrained and measured as a whole.");
    add_line(out, ".PP\n",
             "Data goes to standard output, messages and progress to standard error.");
    onp_strbuf_adds(out, ".SH VERBS\n");
    for (const onp_verb *const *v = onp_all_verbs; *v != NULL; v++) {
        onp_strbuf_addf(out, ".TP\n.B %s\n", (*v)->name);
        add_line(out, "", (*v)->summary);
    }
    add_line(out, ".PP\n", words);
    onp_strbuf_adds(out, ".SH OPTIONS\nAll verbs have these.\n");
    add_options(out, onp_options_common);
    add_item(out, "--version", "the version, without a verb");
    add_exits(out);
    onp_strbuf_adds(out, ".SH ENVIRONMENT\n");
    for (size_t i = 0; i < ONP_COUNT(environment); i++)
        add_item(out, environment[i].name, environment[i].text);
    onp_strbuf_adds(out, ".SH FILES\n");
    for (size_t i = 0; i < ONP_COUNT(files); i++)
        add_item(out, files[i].name, files[i].text);
    onp_strbuf_adds(out, ".SH EXAMPLES\n");
    for (size_t i = 0; i < ONP_COUNT(examples); i++)
        add_item(out, examples[i].command, examples[i].text);
    add_see_also(out, "");
}

static void add_verb_below(onp_strbuf *out, const char *path, const onp_verb *v)
{
    onp_strbuf_addf(out, ".SS %s\n", path);
    add_synopsis(out, path, v->operands);
    onp_strbuf_adds(out, ".PP\n");
    add_about(out, v);
    add_options(out, v->options);
}

void onp_docs_man_verb(onp_strbuf *out, const onp_verb *v)
{
    char name[64], path[64];
    (void)snprintf(name, sizeof name, "onepath-%s", v->name);
    (void)snprintf(path, sizeof path, "onepath %s", v->name);
    begin(out, name, v->summary);
    onp_strbuf_adds(out, ".SH SYNOPSIS\n");
    add_synopsis(out, path, v->operands);
    onp_strbuf_adds(out, ".SH DESCRIPTION\n");
    add_about(out, v);
    if (v->verbs != NULL) {
        onp_strbuf_adds(out, ".SH VERBS\n");
        onp_docs_verbs(v->verbs, path, add_verb_below, out);
    }
    onp_strbuf_adds(out, ".SH OPTIONS\n");
    if (v->verbs == NULL)
        add_options(out, v->options);
    add_options(out, onp_options_common);
    add_exits(out);
    add_see_also(out, v->name);
}
