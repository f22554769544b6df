//! Enumerations travel as names. The service's own reader takes the exact name, any case, camel case,
//! and the name with or without that of the enumeration before it; others have seen numbers.

use serde_json::Value;

/// The value that a name or a number means among `all` (name, number, value). `prefix` is the name of
/// the enumeration.
pub(in super::super) fn matched<T: Copy>(
    value: &Value,
    prefix: &str,
    all: &[(&str, u64, T)],
) -> Option<T> {
    let by_number = |number: u64| {
        let found = all.iter().find(|(_, known, _)| *known == number);
        found.map(|(_, _, value)| *value)
    };
    match value {
        Value::Number(number) => by_number(number.as_u64()?),
        Value::String(text) => {
            let wanted = bare(text);
            let without = wanted.strip_prefix(&bare(prefix)).unwrap_or(&wanted);
            all.iter()
                .find(|(name, _, _)| {
                    let name = bare(name);
                    name == wanted || name == without
                })
                .map(|(_, _, value)| *value)
                .or_else(|| by_number(text.trim().parse().ok()?))
        }
        _ => None,
    }
}

/// Letters and digits alone, in capitals.
fn bare(text: &str) -> String {
    text.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_uppercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_way_of_writing_a_name_is_read() {
        let all = [
            ("QUEUED", 0, 'q'),
            ("CANCEL_ACKNOWLEDGED", 5, 'c'),
            ("COMPLETE", 2, 'd'),
        ];
        let read = |value: Value| matched(&value, "KernelWorkerStatus", &all);
        for name in [
            "CANCEL_ACKNOWLEDGED",
            "cancel_acknowledged",
            "cancelAcknowledged",
            "KERNEL_WORKER_STATUS_CANCEL_ACKNOWLEDGED",
            "KernelWorkerStatus.CANCEL_ACKNOWLEDGED",
            "5",
        ] {
            assert_eq!(read(json!(name)), Some('c'), "{name}");
        }
        assert_eq!(read(json!(2)), Some('d'));
        assert_eq!(read(json!("queued")), Some('q'));
        for other in [json!("PAUSED"), json!(9), json!(null), json!([]), json!("")] {
            assert_eq!(read(other.clone()), None, "{other}");
        }
    }
}
