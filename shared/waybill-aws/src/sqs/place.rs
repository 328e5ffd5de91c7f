//! Which queue an ARN names, and whether a URL names the same one.

/// The parts of `arn:partition:sqs:region:account:name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueArn<'a> {
    /// The region.
    pub(crate) region: &'a str,
    /// The account that owns the queue.
    pub(crate) account: &'a str,
    /// The queue's name.
    pub(crate) name: &'a str,
}

impl<'a> QueueArn<'a> {
    /// Takes an ARN apart; `None` when it names no queue.
    pub(crate) fn parse(arn: &'a str) -> Option<Self> {
        let mut parts = arn.split(':');
        let is_arn = parts.next() == Some("arn");
        let has_partition = parts.next().is_some_and(|p| !p.is_empty());
        let is_sqs = parts.next() == Some("sqs");
        let this = Self {
            region: parts.next()?,
            account: parts.next()?,
            name: parts.next()?,
        };
        let ends = parts.next().is_none() && !this.name.is_empty();
        (is_arn && has_partition && is_sqs && ends).then_some(this)
    }

    /// Whether a URL names this queue: the same account and name, and where the host says a
    /// region, the same region. Stand-ins' hosts say none.
    pub(crate) fn is_at(&self, url: &str) -> bool {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let Some((host, path)) = rest.split_once('/') else {
            return false;
        };
        let mut parts = path.trim_end_matches('/').rsplit('/');
        let same_queue = parts.next() == Some(self.name) && parts.next() == Some(self.account);
        same_queue && region_of(host).is_none_or(|region| region == self.region)
    }
}

/// Whether two URLs name one queue: the same account and name, and where both hosts say a region,
/// the same region.
pub(crate) fn is_same(url: &str, other: &str) -> bool {
    let parts = |url: &str| {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let (host, path) = rest.split_once('/')?;
        let path = path.trim_end_matches('/');
        let queue = path.rsplitn(3, '/').take(2).map(str::to_owned);
        Some((
            region_of(host).map(str::to_owned),
            queue.collect::<Vec<_>>(),
        ))
    };
    let (Some((here, queue)), Some((there, other))) = (parts(url), parts(other)) else {
        return false;
    };
    queue == other && (here.is_none() || there.is_none() || here == there)
}

/// The ARN of the queue at one of AWS's own URLs, `https://sqs.region.amazonaws.com/account/name`;
/// `None` for every other URL, since what it leaves out cannot be known.
/// <https://docs.aws.amazon.com/general/latest/gr/sqs-service.html>
pub(crate) fn arn_at(url: &str) -> Option<String> {
    let (host, path) = url.strip_prefix("https://")?.split_once('/')?;
    let (account, name) = path.split_once('/')?;
    let (region, domain) = host.strip_prefix("sqs.")?.split_once('.')?;
    let partition = match domain {
        "amazonaws.com" if region.starts_with("us-gov-") => "aws-us-gov",
        "amazonaws.com" => "aws",
        "amazonaws.com.cn" => "aws-cn",
        _ => return None,
    };
    let is_account = account.len() == 12 && account.chars().all(|c| c.is_ascii_digit());
    let in_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_name = !name.is_empty() && name.chars().all(in_name);
    let arn = format!("arn:{partition}:sqs:{region}:{account}:{name}");
    (is_account && is_name).then_some(arn)
}

/// The region in `sqs.region.amazonaws.com` and its likes.
fn region_of(host: &str) -> Option<&str> {
    let rest = host.strip_prefix("sqs.")?;
    let (region, domain) = rest.split_once('.')?;
    domain.starts_with("amazonaws.").then_some(region)
}

#[cfg(test)]
mod tests;
