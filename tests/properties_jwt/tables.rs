//! Members of headers and claims, and values that make sense, or nearly.

/// A name, and values for it.
pub(crate) type Table = Vec<(&'static str, Vec<String>)>;

pub(crate) fn headers() -> Table {
    let long = format!("{:?}", "k".repeat(257));
    let table: &[(&str, &[&str])] = &[
        (
            "alg",
            &[
                r#""HS256""#,
                r#""HS384""#,
                r#""HS512""#,
                r#""none""#,
                r#""hs256""#,
                r#""RS256""#,
                "null",
                r#"["HS256"]"#,
            ],
        ),
        (
            "typ",
            &[
                r#""at+jwt""#,
                r#""AT+JWT""#,
                r#""application/at+jwt""#,
                r#""Application/At+Jwt""#,
                r#""JWT""#,
                r#""jwt""#,
                r#""application/jwt""#,
                r#""application/application/at+jwt""#,
                r#""at+jwt ""#,
                r#""dpop+jwt""#,
                r#""""#,
                "null",
            ],
        ),
        ("kid", &[r#""one""#, r#""two""#, r#""three""#, r#""""#, r#""One""#, "null", "1", &long]),
        ("crit", &[r#"["exp"]"#, "[]", "null"]),
        ("b64", &["true", "false", "null", r#""false""#]),
        ("enc", &[r#""A128GCM""#, "null"]),
        ("zip", &[r#""DEF""#]),
        ("jku", &[r#""https://evil.example""#]),
        ("jwk", &[r#"{"kty":"oct","k":"AAAA"}"#, r#"{"kty":"oct","kty":"oct"}"#]),
    ];
    owned(table)
}

pub(crate) fn claims() -> Table {
    let table: &[(&str, &[&str])] = &[
        (
            "iss",
            &[
                r#""https://idp.example""#,
                r#""https://other.example""#,
                r#""https://idp.example/""#,
                r#"["https://idp.example"]"#,
                "null",
            ],
        ),
        (
            "aud",
            &[
                r#""orders""#,
                r#""stöck""#,
                r#""😀""#,
                r#""\ud83d\ude00""#,
                r#"["\uD83D\uDE00"]"#,
                r#""\ud83d\ude01""#,
                r#""sto\u0308ck""#,
                r#""stock""#,
                r#""Orders""#,
                r#""orders ""#,
                r#"["x","y"]"#,
                r#""""#,
                r#"["x","orders"]"#,
                r#"["orders"]"#,
                "[]",
                r#"["orders",7]"#,
                r#"[["orders"]]"#,
                "null",
                r#"{"orders":1}"#,
                r#"["orders",{"a":1,"a":2}]"#,
            ],
        ),
        // As old as the lenient issuer's tokens may be, and older.
        ("iat", &["1699999370", "1699999369"]),
        ("cnf", &["{}", "null", "1", r#"{"jkt":"x"}"#]),
        ("at_hash", &[r#""x""#]),
        ("c_hash", &["null"]),
        ("events", &["{}"]),
        ("htu", &[r#""x""#]),
        ("sub", &[r#""alice""#, r#""é\n\"😀""#, "null", "7", r#"{"a":1}"#]),
        ("client_id", &[r#""shop""#, "[]"]),
        ("scope", &[r#""a b:c""#, r#"["a","b c",""]"#, "[7]", "null", "7"]),
        ("scp", &[r#"["d","e"]"#, r#""d e""#, r#""""#]),
        ("auth_time", &["1700000000", "-1", "1.0", "1e3", "18446744073709551616", "null", r#""1""#]),
        ("jti", &[r#""x""#, "1"]),
        ("acr", &[r#""gold""#, "true"]),
    ];
    let mut claims = owned(table);
    let dates = [
        "1700000030",
        "1700000031",
        "1699999970",
        "1699999971",
        "1699999969",
        "1700000600",
        "1699999370",
        "1699999369",
        "1699999368",
        "1700000032",
        "1700001000",
        "1800000000",
        "2e9",
        "1699999000",
        "1699990000",
        "1690000000",
        "1500000000",
        "1.6999e9",
        "1700000000.9",
        "1.7e9",
        "17e8",
        "0",
        "-0",
        "-0.0",
        "-1",
        "-0.5",
        "1e400",
        "-1e400",
        "1e-400",
        "253402300799",
        "253402300800",
        "99999999999999999999",
        "9007199254740993",
        r#""1700000600""#,
        "null",
        "[1]",
        "true",
    ];
    claims.extend(["exp", "nbf", "iat"].map(|name| (name, dates.map(str::to_owned).to_vec())));
    // What has the most rules is tried the most.
    let often: Table = claims
        .iter()
        .filter(|(name, _)| ["iss", "aud", "exp", "nbf", "iat"].contains(name))
        .cloned()
        .collect();
    claims.extend([often.clone(), often.clone(), often].concat());
    claims
}

fn owned(table: &[(&'static str, &[&str])]) -> Table {
    table
        .iter()
        .map(|(name, values)| (*name, values.iter().map(|value| (*value).to_owned()).collect()))
        .collect()
}

/// Values for any member.
pub(crate) fn any_value() -> Vec<String> {
    let mut values: Vec<String> = [
        "1",
        "1e5",
        "0.5",
        "-1E+2",
        "1e400",
        "true",
        "null",
        r#""x""#,
        r#""\ud83d\ude00""#,
        "{}",
        "[]",
        r#"{"exp":1,"iss":"x"}"#,
        r#"{"a":1,"\u0061":1}"#,
        r#"[{"b":[{"a":1,"a":2}]}]"#,
        r#"{"":1,"\u0000":2}"#,
        // No JSON, or of the kind that lenient readers take.
        "01",
        "+1",
        "1.",
        ".5",
        "0x1",
        "NaN",
        "tru",
        "'x'",
        r#""\x""#,
        r#""\ud800""#,
        r#""\ud83d\ue000""#,
        "\"\u{7}\"",
        "[1,]",
        "{,}",
        "{1:1}",
        "\u{feff}1",
        "1 /**/",
        "",
        "1}",
        "1,",
        "]",
    ]
    .map(str::to_owned)
    .to_vec();
    for depth in [31, 32, 33, 34] {
        values.push(format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
        values.push(format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth)));
    }
    values
}
