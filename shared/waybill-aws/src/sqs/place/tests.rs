//! Facts about ARNs and URLs of queues.

use super::{QueueArn, arn_at, is_same};

const ARN: &str = "arn:aws:sqs:eu-central-1:123456789012:orders";

#[test]
fn an_arn_that_names_no_queue_is_refused() {
    assert!(QueueArn::parse(ARN).is_some());
    assert!(QueueArn::parse("arn:aws-cn:sqs:cn-north-1:1:orders.fifo").is_some());
    let wrong = [
        "",
        "orders",
        "arn:aws:sns:eu-central-1:123456789012:orders",
        "arn:aws:sqs:eu-central-1:123456789012",
        "arn:aws:sqs:eu-central-1:123456789012:",
        "arn:aws:sqs:eu-central-1:123456789012:orders:more",
        "arn::sqs:eu-central-1:123456789012:orders",
    ];
    for arn in wrong {
        assert_eq!(QueueArn::parse(arn), None, "{arn}");
    }
}

#[test]
fn a_url_is_used_only_where_it_names_the_same_queue() {
    let arn = QueueArn::parse(ARN).unwrap();
    let same = [
        "https://sqs.eu-central-1.amazonaws.com/123456789012/orders",
        "http://127.0.0.1:4566/123456789012/orders",
        "http://localhost:4566/queue/eu-central-1/123456789012/orders",
        "http://sqs.eu-central-1.localhost.localstack.cloud:4566/123456789012/orders",
    ];
    for url in same {
        assert!(arn.is_at(url), "{url}");
    }
    let other = [
        "https://sqs.eu-central-1.amazonaws.com/123456789012/orders-dlq",
        "https://sqs.eu-central-1.amazonaws.com/210987654321/orders",
        "https://sqs.us-east-1.amazonaws.com/123456789012/orders",
        "https://sqs.eu-central-1.amazonaws.com/orders",
        "orders",
        "",
    ];
    for url in other {
        assert!(!arn.is_at(url), "{url}");
    }
}

#[test]
fn the_arn_is_read_off_awss_own_urls_alone() {
    let own = [
        (
            "https://sqs.eu-central-1.amazonaws.com/123456789012/orders.fifo",
            "arn:aws:sqs:eu-central-1:123456789012:orders.fifo",
        ),
        (
            "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/orders",
            "arn:aws-cn:sqs:cn-north-1:123456789012:orders",
        ),
        (
            "https://sqs.us-gov-west-1.amazonaws.com/123456789012/orders",
            "arn:aws-us-gov:sqs:us-gov-west-1:123456789012:orders",
        ),
    ];
    for (url, arn) in own {
        assert_eq!(arn_at(url).as_deref(), Some(arn));
        assert!(QueueArn::parse(arn).unwrap().is_at(url), "{url}");
    }
    let other = [
        "http://127.0.0.1:4566/000000000000/orders",
        "http://sqs.eu-central-1.localhost.localstack.cloud:4566/000000000000/orders",
        "http://localhost:4566/queue/eu-central-1/000000000000/orders",
        "https://vpce-1.sqs.eu-central-1.vpce.amazonaws.com/123456789012/orders",
        "https://eu-central-1.queue.amazonaws.com/123456789012/orders",
        "https://sqs.eu-central-1.amazonaws.com/orders",
        "https://sqs.eu-central-1.amazonaws.com/123456789012/",
        "https://sqs.eu-central-1.amazonaws.com/123456789012/orders/",
        "",
    ];
    for url in other {
        assert_eq!(arn_at(url), None, "{url}");
    }
}

#[test]
fn two_urls_of_one_queue_are_known_as_such() {
    let ours = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders";
    let same = [
        ours,
        "https://sqs.eu-central-1.amazonaws.com/123456789012/orders/",
        "http://127.0.0.1:4566/123456789012/orders",
        "http://localhost:4566/queue/eu-central-1/123456789012/orders",
    ];
    for url in same {
        assert!(is_same(ours, url) && is_same(url, ours), "{url}");
    }
    let others = [
        "https://sqs.eu-west-1.amazonaws.com/123456789012/orders",
        "https://sqs.eu-central-1.amazonaws.com/123456789013/orders",
        "https://sqs.eu-central-1.amazonaws.com/123456789012/orders.fifo",
        "orders",
    ];
    for url in others {
        assert!(!is_same(ours, url) && !is_same(url, ours), "{url}");
    }
}
