/* SPDX-License-Identifier: Apache-2.0 */
/* Escaping and the writing of numbers. */
#include "tests/test_support.h"

#include "report/html.h"

#define REPLACEMENT "\xef\xbf\xbd"

static onp_context ctx;

static void assert_text(const char *in, const char *wanted)
{
    onp_strbuf s;
    onp_strbuf_init(&s, &ctx);
    onp_html_text(&s, in);
    assert_int_equal(onp_strbuf_status(&s, NULL), ONP_OK);
    assert_string_equal(s.text, wanted);
    onp_strbuf_reset(&s);
}

static void what_markup_means_is_escaped(void **state)
{
    (void)state;
    assert_text("", "");
    assert_text("a <b>&\"c\"'d'", "a &lt;b&gt;&amp;&quot;c&quot;&#39;d&#39;");
    assert_text("&amp;", "&amp;amp;");
    assert_text("</script><!-- ]]>", "&lt;/script&gt;&lt;!-- ]]&gt;");
    assert_text("tab\tand\nline", "tab\tand\nline");
}

static void good_utf8_stays(void **state)
{
    (void)state;
    assert_text("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x99\x82 \xed\x9f\xbf \xf4\x8f\xbf\xbf",
                "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x99\x82 \xed\x9f\xbf \xf4\x8f\xbf\xbf");
}

static void bad_bytes_are_replaced_one_by_one(void **state)
{
    (void)state;
    assert_text("\x80", REPLACEMENT);
    assert_text("\xc0\xaf", REPLACEMENT REPLACEMENT); /* an overlong slash */
    assert_text("\xe0\x80\xbc", REPLACEMENT REPLACEMENT REPLACEMENT);
    assert_text("\xed\xa0\x80", REPLACEMENT REPLACEMENT REPLACEMENT); /* a surrogate */
    assert_text("\xf4\x90\x80\x80", REPLACEMENT REPLACEMENT REPLACEMENT REPLACEMENT);
    assert_text("\xf0\x8f\xbf\xbf", REPLACEMENT REPLACEMENT REPLACEMENT REPLACEMENT);
    assert_text("\xff<", REPLACEMENT "&lt;");
    assert_text("\xe2\x82", REPLACEMENT REPLACEMENT); /* cut short at the end */
    assert_text("\xe2<b>", REPLACEMENT "&lt;b&gt;");  /* a cut character does not hide markup */
}

static void controls_are_replaced(void **state)
{
    (void)state;
    assert_text("\x01\x1b[31m\x7f\r", REPLACEMENT REPLACEMENT "[31m" REPLACEMENT REPLACEMENT);
    assert_text("\xc2\x85\xc2\xa0", REPLACEMENT "\xc2\xa0");
    assert_text("\xef\xbf\xbe\xef\xbf\xbd", REPLACEMENT REPLACEMENT);
}

static void numbers_are_exact_in_their_value(void **state)
{
    (void)state;
    onp_strbuf s;
    onp_strbuf_init(&s, &ctx);
    onp_html_ms(&s, 0.1234567);
    onp_html_ms(&s, 136.466);
    onp_html_percent(&s, 0.91015625);
    onp_html_count(&s, 4080512);
    onp_html_count(&s, 100);
    onp_html_count(&s, -123456);
    onp_html_count(&s, 0);
    assert_int_equal(onp_strbuf_status(&s, NULL), ONP_OK);
    assert_string_equal(s.text, "<data value=\"0.1234567\">0.1235</data> ms"
                                "<data value=\"136.466\">136.47</data> ms"
                                "<data value=\"0.91015625\">91.02</data> %"
                                "<data value=\"4080512\">4,080,512</data>"
                                "<data value=\"100\">100</data>"
                                "<data value=\"-123456\">-123,456</data>"
                                "<data value=\"0\">0</data>");
    onp_strbuf_reset(&s);
}

/* The vectors of RFC 4648, part 10. */
static void base64(void **state)
{
    (void)state;
    static const char *const wanted[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                         "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    for (size_t n = 0; n < ONP_COUNT(wanted); n++) {
        onp_strbuf s;
        onp_strbuf_init(&s, &ctx);
        onp_strbuf_add_base64(&s, "foobar", n);
        assert_string_equal(s.text, wanted[n]);
        onp_strbuf_reset(&s);
    }
    onp_strbuf s;
    onp_strbuf_init(&s, &ctx);
    onp_strbuf_add_base64(&s, "\xfb\xff\xbf", 3);
    assert_string_equal(s.text, "+/+/");
    onp_strbuf_reset(&s);
}

static void the_largest_numbers_fit(void **state)
{
    (void)state;
    onp_strbuf s;
    onp_strbuf_init(&s, &ctx);
    onp_html_ms(&s, -1.7976931348623157e308);
    onp_html_percent(&s, 1.7e306);
    onp_html_count(&s, INT64_MIN);
    assert_int_equal(onp_strbuf_status(&s, NULL), ONP_OK);
    onp_assert_contains(s.text, "-9,223,372,036,854,775,808");
    onp_strbuf_reset(&s);
}

int main(void)
{
    onp_context_init(&ctx);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_markup_means_is_escaped),
        cmocka_unit_test(good_utf8_stays),
        cmocka_unit_test(bad_bytes_are_replaced_one_by_one),
        cmocka_unit_test(controls_are_replaced),
        cmocka_unit_test(numbers_are_exact_in_their_value),
        cmocka_unit_test(base64),
        cmocka_unit_test(the_largest_numbers_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
