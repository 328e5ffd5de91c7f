//! Names of AWS's resources.

/// The resource that an ARN of this service names, as `name` in `arn:aws:sns:region:account:name`;
/// `None` where it is no ARN of this service, or has characters that none has.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>
pub(super) fn resource<'a>(text: &'a str, service: &str) -> Option<&'a str> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, of, region, account, resource] = parts.as_slice() else {
        return None;
    };
    let said = [partition, region, account, resource];
    let is_whole = *of == service && said.iter().all(|part| !part.is_empty());
    let is_plain = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_.:/$".contains(&b));
    (is_whole && is_plain).then_some(*resource)
}

/// Whether a text is 1 to `max` letters, digits, and `marks`.
pub(super) fn is_name(text: &str, max: usize, marks: &[u8]) -> bool {
    let in_name = |b: u8| b.is_ascii_alphanumeric() || marks.contains(&b);
    (1..=max).contains(&text.len()) && text.bytes().all(in_name)
}
