//! Templates and what Docker 28.5's client prints for them.

use std::sync::Arc;

use super::*;

/// A container as a list shows one.
fn row() -> Value {
    let field =
        |name: &str, text: &str| Field { name: Arc::from(name), value: Value::text(text), embedded: false };
    let fields = vec![field("ID", "0123456789ab"), field("Names", "cxf1")];
    let label: Call = Arc::new(|args| Ok(Value::text(format!("label {}", args[0]))));
    let mut methods: Vec<(Arc<str>, Method)> =
        fields.iter().map(|field| (Arc::clone(&field.name), Method::constant(field.value.clone()))).collect();
    methods.push((Arc::from("Label"), Method { wants: &[Want::Text], call: label }));
    let name: Arc<str> = Arc::from("formatter.ContainerContext");
    let row = Struct { name: Arc::clone(&name), fields, methods, ..Struct::default() };
    Value::Pointer(Some(Arc::new(Value::Struct(Arc::new(row)))), name)
}

fn run(source: &str, data: &Value) -> Result<String, String> {
    Template::parse("", source)?.execute(data)
}

#[test]
fn what_templates_print() {
    for (source, text) in [
        ("{{.Names}} {{$.ID | printf \"%.4s\"}}", "cxf1 0123"),
        ("{{printf \"%T %v\" .Names true}}", "string true"),
        ("{{.Label \"a\"}}|{{\"b\" | .Label}}", "label a|label b"),
        ("{{and 1 0}} {{or 0 \"x\"}} {{not 0}}", "0 x true"),
        (
            "{{eq 1 2 1}} {{ne 1 2}} {{lt 1 2}} {{le 2 2}} {{gt \"b\" \"a\"}} {{ge 1.5 1.5}}",
            "true true true true true true",
        ),
        ("{{len .Names}} {{index .Names 0}} {{slice .Names 1 3}} {{slice .Names 1}}", "4 99 xf xf1"),
        (
            "{{split .Names \"x\"}} {{join (split .Names \"x\") \"-\"}} {{json (split .Names \"x\")}}",
            "[c f1] c-f1 [\"c\",\"f1\"]",
        ),
        ("{{title \"hello foo-bar\"}} {{upper \"aé\"}} {{lower \"AÉ\"}}", "Hello Foo-Bar AÉ aé"),
        ("{{pad \"abc\" 2 3}}|{{pad \"\" 2 3}}|{{truncate \"héllo\" 2}}", "  abc   ||hé"),
        ("{{println \"a\" 1 true nil}}{{print \"a\" \"b\" 1 2 true}}", "a 1 true <nil>\nab1 2 true"),
        ("{{range $i, $e := split .Names \"x\"}}{{$i}}={{$e}};{{else}}none{{end}}", "0=c;1=f1;"),
        (
            "{{range 3}}{{.}},{{end}}{{range $i := 2}}{{$i}}{{end}}{{range 0}}{{else}}none{{end}}",
            "0,1,2,01none",
        ),
        ("{{range split .Names \"x\"}}{{if eq . \"c\"}}{{continue}}{{end}}{{.}}{{break}}{{end}}", "f1"),
        ("{{with \"\"}}a{{else with \"b\"}}{{.}}{{end}}{{if \"\"}}a{{else if .ID}}b{{else}}c{{end}}", "bb"),
        (
            "{{define \"x\"}}[{{.}}]{{end}}{{template \"x\" .Names}}{{block \"y\" 1}}<{{.}}>{{end}}",
            "[cxf1]<1>",
        ),
        ("{{$x := .Names}}{{$x}}{{if 1}}{{$x = \"b\"}}{{end}}{{$x}}", "cxf1b"),
        (" {{- .Names -}} x {{- /* c */ -}} y", "cxf1xy"),
        (
            "{{ 0x1F }} {{ 1_000 }} {{ 1e3 }} {{ 1.5 }} {{ 'a' }} {{`r\\n`}} {{\"\\t\"}}",
            "31 1000 1000 1.5 97 r\\n \t",
        ),
        ("{{.Names | }}{{((1))}}{{(split .Names \"x\") | len}}", "cxf112"),
        ("{{html \"<a&b>\"}} {{js \"it's\"}} {{urlquery \"a b&c\"}}", "&lt;a&amp;b&gt; it\\'s a+b%26c"),
        ("{{json .}}", "{\"ID\":\"0123456789ab\",\"Names\":\"cxf1\"}"),
        ("{{template \"x\"}}{{define \"x\"}}{{.}}{{end}}", "<no value>"),
    ] {
        assert_eq!(run(source, &row()).as_deref(), Ok(text), "{source}");
    }
}

#[test]
fn mistakes_of_templates_in_gos_words() {
    for (source, error) in [
        ("{{end}}", "unexpected {{end}}"),
        ("{{else}}", "unexpected {{else}}"),
        ("{{if 1}}x", "unexpected EOF"),
        ("{{if}}x{{end}}", "missing value for if"),
        ("{{}}", "missing value for command"),
        ("{{range 1}}{{else}}{{else}}{{end}}", "expected end; found {{else}}"),
        ("{{break}}", "{{break}} outside {{range}}"),
        ("{{foo .}}", "function \"foo\" not defined"),
        ("{{$y}}", "undefined variable \"$y\""),
        ("{{ /* c */ }}z", "unexpected \"/\" in command"),
        ("{{.Names}", "bad character U+007D '}'"),
        ("{{\"abc}}", "unterminated quoted string"),
        ("{{ \"a\" | 3 }}", "non executable command in pipeline stage 2"),
        ("{{ 99999999999999999999 }}", "integer overflow: \"99999999999999999999\""),
        ("{{ 1.5e400 }}", "illegal number syntax: \"1.5e400\""),
        ("{{(.Names}}", "unclosed left paren"),
        ("{{.Names)}}", "unexpected right paren"),
        ("{{ | .Names }}", "unexpected \"|\" in command"),
        ("{{ @ }}", "unexpected \"@\" in command"),
        (
            "{{define \"x\"}}a{{end}}{{define \"x\"}}b{{end}}",
            "template: multiple definition of template \"x\"",
        ),
        ("{{1.Foo}}", "bad number syntax: \"1.F\""),
        ("{{nil.Foo}}", "unexpected . after term \"nil\""),
        ("{{$a, $b := 1}}", "too many declarations in command"),
    ] {
        let text = format!("template: :1: {error}");
        assert_eq!(Template::parse("", source).err(), Some(text), "{source}");
    }
    assert_eq!(Template::parse("x", "a\n{{.A").err().as_deref(), Some("template: x:2: unclosed action"));
}

#[test]
fn mistakes_of_data_in_gos_words() {
    for (source, error) in [
        (
            "{{.Nope}}",
            "1:2: executing \"\" at <.Nope>: can't evaluate field Nope in type *formatter.ContainerContext",
        ),
        (
            "a\n {{.Names.Foo}}",
            "2:9: executing \"\" at <.Names.Foo>: can't evaluate field Foo in type string",
        ),
        ("{{.Label}}", "1:2: executing \"\" at <.Label>: wrong number of args for Label: want 1 got 0"),
        ("{{.Label 1}}", "1:9: executing \"\" at <1>: expected string; found 1"),
        ("{{ .Names . }}", "1:3: executing \"\" at <.Names>: wrong number of args for Names: want 0 got 1"),
        ("{{and}}", "1:2: executing \"\" at <and>: wrong number of args for and: want at least 1 got 0"),
        (
            "{{eq 1 \"a\"}}",
            "1:2: executing \"\" at <eq 1 \"a\">: error calling eq: incompatible types for comparison",
        ),
        (
            "{{eq 1 1.0}}",
            "1:2: executing \"\" at <eq 1 1.0>: error calling eq: incompatible types for comparison",
        ),
        (
            "{{lt true false}}",
            "1:2: executing \"\" at <lt true false>: error calling lt: invalid type for comparison",
        ),
        ("{{len 3}}", "1:2: executing \"\" at <len 3>: error calling len: len of type int"),
        (
            "{{index .Names 9}}",
            "1:2: executing \"\" at <index .Names 9>: error calling index: index out of range: 9",
        ),
        (
            "{{slice .Names 3 1}}",
            "1:2: executing \"\" at <slice .Names 3 1>: error calling slice: invalid slice index: 3 > 1",
        ),
        (
            "{{pad \"a\" -1 3}}",
            "1:2: executing \"\" at <pad \"a\" -1 3>: error calling pad: strings: negative Repeat count",
        ),
        (
            "{{truncate \"abc\" -1}}",
            "1:2: executing \"\" at <truncate \"abc\" -1>: error calling truncate: runtime error: slice bounds out of range [:-1]",
        ),
        ("{{range .Names}}x{{end}}", "1:8: executing \"\" at <.Names>: range can't iterate over cxf1"),
        (
            "{{template \"nope\"}}",
            "1:11: executing \"\" at <{{template \"nope\"}}>: template \"nope\" not defined",
        ),
        ("{{ 1 | upper }}", "1:7: executing \"\" at <upper>: wrong type for value; expected string; got int"),
        (
            "{{ call .Names }}",
            "1:3: executing \"\" at <call .Names>: error calling call: non-function .Names of type string",
        ),
        ("{{ nil }}", "1:3: executing \"\" at <nil>: nil is not a command"),
        ("{{ 1 2 }}", "1:3: executing \"\" at <1>: can't give argument to non-function 1"),
    ] {
        assert_eq!(run(source, &row()), Err(format!("template: :{error}")), "{source}");
    }
}

/// What has no type: keys that are not there, and nothing.
#[test]
fn plain_data() {
    let inner = Map {
        entries: [(Arc::from("Pid"), Value::int(7)), (Arc::from("Health"), Value::Nil)].into(),
        of: Arc::from("interface {}"),
        zero: Value::Nil,
        nil: false,
    };
    let data = Value::Map(Arc::new(inner));
    let strict = |source: &str| Template::parse("", source).unwrap().execute_with(Missing::Error, &data);
    assert_eq!(
        run("{{.Nope}} {{.Nope.Foo}} {{.Health}} {{index . \"no\"}} {{json .}}", &data).as_deref(),
        Ok("<no value> <no value> <no value> <no value> {\"Health\":null,\"Pid\":7}")
    );
    for (source, error) in [
        ("{{.Nope}}", "1:2: executing \"\" at <.Nope>: map has no entry for key \"Nope\""),
        ("{{.Pid.Foo}}", "1:6: executing \"\" at <.Pid.Foo>: can't evaluate field Foo in type interface {}"),
        ("{{.Health.Foo}}", "1:9: executing \"\" at <.Health.Foo>: nil pointer evaluating interface {}.Foo"),
        (
            "{{index . 3}}",
            "1:2: executing \"\" at <index . 3>: error calling index: value has type int; should be string",
        ),
    ] {
        assert_eq!(strict(source), Err(format!("template: :{error}")), "{source}");
    }
}

/// No template uses up the stack.
#[test]
fn endless_templates_end() {
    let error = run("{{define \"x\"}}{{template \"x\"}}{{end}}{{template \"x\"}}", &Value::Nil).unwrap_err();
    assert!(error.contains("exceeded maximum template depth"), "{error}");
    for deep in ["{{", "{{if "].map(|start| format!("{start}{}1", "(".repeat(100_000))) {
        assert!(Template::parse("", &deep).is_err());
    }
    let blocks = "{{if 1}}".repeat(100_000);
    assert!(Template::parse("", &blocks).err().is_some_and(|error| error.contains("nesting")));
    let chain = format!("{{{{{}}}}}", ".A".repeat(100_000));
    assert!(run(&chain, &row()).is_err());
}
