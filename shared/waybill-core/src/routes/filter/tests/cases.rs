//! What EventBridge documents and what event-ruler, its open matcher, does: a pattern, an event,
//! and whether the one takes the other. Here both are what stands under `data`.
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>
//! <https://github.com/aws/event-ruler>

/// A pattern, an event, and whether it is taken.
pub(super) type Case = (&'static str, &'static str, bool);

/// The table of operators, each with an event that it takes and one that it does not.
pub(super) const OPERATORS: &[Case] = &[
    // And: each field of its own.
    (
        r#"{"Location": ["New York"], "Day": ["Monday"]}"#,
        r#"{"Location": "New York", "Day": "Monday"}"#,
        true,
    ),
    (
        r#"{"Location": ["New York"], "Day": ["Monday"]}"#,
        r#"{"Location": "New York", "Day": "Friday"}"#,
        false,
    ),
    // Anything-but.
    (
        r#"{"state": [{"anything-but": "initializing"}]}"#,
        r#"{"state": "running"}"#,
        true,
    ),
    (
        r#"{"state": [{"anything-but": "initializing"}]}"#,
        r#"{"state": "initializing"}"#,
        false,
    ),
    (
        r#"{"state": [{"anything-but": "initializing"}]}"#,
        r#"{"status": "running"}"#,
        false,
    ),
    (
        r#"{"x-limit": [{"anything-but": 123}]}"#,
        r#"{"x-limit": 124}"#,
        true,
    ),
    (
        r#"{"x-limit": [{"anything-but": 123}]}"#,
        r#"{"x-limit": 1.23e2}"#,
        false,
    ),
    (
        r#"{"x-limit": [{"anything-but": 123}]}"#,
        r#"{"x-limit": "123"}"#,
        true,
    ),
    (
        r#"{"state": [{"anything-but": ["stopped", "overloaded"]}]}"#,
        r#"{"state": "running"}"#,
        true,
    ),
    (
        r#"{"state": [{"anything-but": ["stopped", "overloaded"]}]}"#,
        r#"{"state": "overloaded"}"#,
        false,
    ),
    (
        r#"{"x-limit": [{"anything-but": [100, 200, 300]}]}"#,
        r#"{"x-limit": 301.8}"#,
        true,
    ),
    (
        r#"{"x-limit": [{"anything-but": [100, 200, 300]}]}"#,
        r#"{"x-limit": 200}"#,
        false,
    ),
    (
        r#"{"Region": [{"anything-but": {"prefix": "us-"}}]}"#,
        r#"{"Region": "eu-west-1"}"#,
        true,
    ),
    (
        r#"{"Region": [{"anything-but": {"prefix": "us-"}}]}"#,
        r#"{"Region": "us-east-1"}"#,
        false,
    ),
    (
        r#"{"state": [{"anything-but": {"prefix": ["init", "error"]}}]}"#,
        r#"{"state": "running"}"#,
        true,
    ),
    (
        r#"{"state": [{"anything-but": {"prefix": ["init", "error"]}}]}"#,
        r#"{"state": "errored"}"#,
        false,
    ),
    (
        r#"{"FileName": [{"anything-but": {"suffix": ".png"}}]}"#,
        r#"{"FileName": "a.txt"}"#,
        true,
    ),
    (
        r#"{"FileName": [{"anything-but": {"suffix": ".png"}}]}"#,
        r#"{"FileName": "a.png"}"#,
        false,
    ),
    (
        r#"{"instance-id": [{"anything-but": {"suffix": ["1234", "6789"]}}]}"#,
        r#"{"instance-id": "i-0000"}"#,
        true,
    ),
    (
        r#"{"instance-id": [{"anything-but": {"suffix": ["1234", "6789"]}}]}"#,
        r#"{"instance-id": "i-6789"}"#,
        false,
    ),
    (
        r#"{"state": [{"anything-but": {"equals-ignore-case": "initializing"}}]}"#,
        r#"{"state": "running"}"#,
        true,
    ),
    (
        r#"{"state": [{"anything-but": {"equals-ignore-case": "initializing"}}]}"#,
        r#"{"state": "INITIALIZING"}"#,
        false,
    ),
    (
        r#"{"state": [{"anything-but": {"equals-ignore-case": ["initializing", "stopped"]}}]}"#,
        r#"{"state": "started"}"#,
        true,
    ),
    (
        r#"{"state": [{"anything-but": {"equals-ignore-case": ["initializing", "stopped"]}}]}"#,
        r#"{"state": "Stopped"}"#,
        false,
    ),
    (
        r#"{"FilePath": [{"anything-but": {"wildcard": "*/lib/*"}}]}"#,
        r#"{"FilePath": "/usr/bin/x"}"#,
        true,
    ),
    (
        r#"{"FilePath": [{"anything-but": {"wildcard": "*/lib/*"}}]}"#,
        r#"{"FilePath": "/usr/lib/x"}"#,
        false,
    ),
    (
        r#"{"FilePath": [{"anything-but": {"wildcard": ["*/lib/*", "*/bin/*"]}}]}"#,
        r#"{"FilePath": "/usr/share/x"}"#,
        true,
    ),
    (
        r#"{"FilePath": [{"anything-but": {"wildcard": ["*/lib/*", "*/bin/*"]}}]}"#,
        r#"{"FilePath": "/usr/bin/x"}"#,
        false,
    ),
    // Begins with, and whatever the case.
    (
        r#"{"Region": [{"prefix": "us-"}]}"#,
        r#"{"Region": "us-east-1"}"#,
        true,
    ),
    (
        r#"{"Region": [{"prefix": "us-"}]}"#,
        r#"{"Region": "eu-us-1"}"#,
        false,
    ),
    (
        r#"{"time": [{"prefix": "2017-10-02"}]}"#,
        r#"{"time": "2017-10-02T18:43:48Z"}"#,
        true,
    ),
    (
        r#"{"service": [{"prefix": {"equals-ignore-case": "eventb"}}]}"#,
        r#"{"service": "EventBridge"}"#,
        true,
    ),
    (
        r#"{"service": [{"prefix": {"equals-ignore-case": "eventb"}}]}"#,
        r#"{"service": "EVENTBRIDGE"}"#,
        true,
    ),
    (
        r#"{"service": [{"prefix": {"equals-ignore-case": "eventb"}}]}"#,
        r#"{"service": "an EventBridge"}"#,
        false,
    ),
    // Empty, which null is not.
    (r#"{"LastName": [""]}"#, r#"{"LastName": ""}"#, true),
    (r#"{"LastName": [""]}"#, r#"{"LastName": "Doe"}"#, false),
    (r#"{"LastName": [""]}"#, r#"{"LastName": null}"#, false),
    (r#"{"LastName": [""]}"#, r#"{}"#, false),
    // Equals, and whatever the case.
    (r#"{"Name": ["Alice"]}"#, r#"{"Name": "Alice"}"#, true),
    (r#"{"Name": ["Alice"]}"#, r#"{"Name": "alice"}"#, false),
    (
        r#"{"Name": [{"equals-ignore-case": "alice"}]}"#,
        r#"{"Name": "ALICE"}"#,
        true,
    ),
    (
        r#"{"Name": [{"equals-ignore-case": "alice"}]}"#,
        r#"{"Name": "alicea"}"#,
        false,
    ),
    // Ends with, and whatever the case.
    (
        r#"{"FileName": [{"suffix": ".png"}]}"#,
        r#"{"FileName": "a.png"}"#,
        true,
    ),
    (
        r#"{"FileName": [{"suffix": ".png"}]}"#,
        r#"{"FileName": "a.png.gz"}"#,
        false,
    ),
    (
        r#"{"service": [{"suffix": {"equals-ignore-case": "tbridge"}}]}"#,
        r#"{"service": "EVENTBRIDGE"}"#,
        true,
    ),
    (
        r#"{"service": [{"suffix": {"equals-ignore-case": "tbridge"}}]}"#,
        r#"{"service": "EventBridges"}"#,
        false,
    ),
    // Exists, of leaves alone.
    (
        r#"{"ProductName": [{"exists": true}]}"#,
        r#"{"ProductName": "x"}"#,
        true,
    ),
    (
        r#"{"ProductName": [{"exists": true}]}"#,
        r#"{"ProductName": null}"#,
        true,
    ),
    (
        r#"{"ProductName": [{"exists": true}]}"#,
        r#"{"Product": "x"}"#,
        false,
    ),
    (
        r#"{"ProductName": [{"exists": false}]}"#,
        r#"{"Product": "x"}"#,
        true,
    ),
    (
        r#"{"ProductName": [{"exists": false}]}"#,
        r#"{"ProductName": ""}"#,
        false,
    ),
    (
        r#"{"c-count": [{"exists": false}]}"#,
        r#"{"c-count": {"c1": 100}}"#,
        true,
    ),
    (
        r#"{"c-count": [{"exists": true}]}"#,
        r#"{"c-count": {"c1": 100}}"#,
        false,
    ),
    (
        r#"{"c-count": [{"exists": false}]}"#,
        r#"{"c-count": []}"#,
        true,
    ),
    // Not.
    (
        r#"{"Weather": [{"anything-but": ["Raining"]}]}"#,
        r#"{"Weather": "Sunny"}"#,
        true,
    ),
    (
        r#"{"Weather": [{"anything-but": ["Raining"]}]}"#,
        r#"{"Weather": "Raining"}"#,
        false,
    ),
    // Null.
    (r#"{"UserID": [null]}"#, r#"{"UserID": null}"#, true),
    (r#"{"UserID": [null]}"#, r#"{"UserID": ""}"#, false),
    (r#"{"UserID": [null]}"#, r#"{}"#, false),
    (r#"{"UserID": [null]}"#, r#"{"UserID": "null"}"#, false),
    // Numbers, by their value.
    (
        r#"{"Price": [{"numeric": ["=", 100]}]}"#,
        r#"{"Price": 100}"#,
        true,
    ),
    (
        r#"{"Price": [{"numeric": ["=", 100]}]}"#,
        r#"{"Price": 100.5}"#,
        false,
    ),
    (
        r#"{"Price": [{"numeric": ["=", 100]}]}"#,
        r#"{"Price": "100"}"#,
        false,
    ),
    (
        r#"{"x-limit": [{"numeric": ["=", 3.018e2]}]}"#,
        r#"{"x-limit": 301.8}"#,
        true,
    ),
    (r#"{"Price": [100]}"#, r#"{"Price": 1.0e2}"#, true),
    (r#"{"Price": [100.0]}"#, r#"{"Price": 100}"#, true),
    (r#"{"Price": [100]}"#, r#"{"Price": "100"}"#, false),
    (
        r#"{"Price": [{"numeric": [">", 10, "<=", 20]}]}"#,
        r#"{"Price": 20}"#,
        true,
    ),
    (
        r#"{"Price": [{"numeric": [">", 10, "<=", 20]}]}"#,
        r#"{"Price": 10}"#,
        false,
    ),
    (
        r#"{"Price": [{"numeric": [">", 10, "<=", 20]}]}"#,
        r#"{"Price": 20.000001}"#,
        false,
    ),
    (
        r#"{"Price": [{"numeric": [">=", 10, "<", 20]}]}"#,
        r#"{"Price": 10}"#,
        true,
    ),
    (
        r#"{"Price": [{"numeric": [">=", 10, "<", 20]}]}"#,
        r#"{"Price": 20}"#,
        false,
    ),
    (
        r#"{"d-count": [{"numeric": ["<", 10]}]}"#,
        r#"{"d-count": -5e9}"#,
        true,
    ),
    (
        r#"{"d-count": [{"numeric": ["<=", 10]}]}"#,
        r#"{"d-count": 10.0}"#,
        true,
    ),
    (
        r#"{"d-count": [{"numeric": [">", 0]}]}"#,
        r#"{"d-count": 0.0}"#,
        false,
    ),
    (
        r#"{"a": [{"numeric": ["=", 0]}], "b": [{"numeric": ["<", 0]}], "z": [{"numeric": [">", 0, "<", 1]}]}"#,
        r#"{"a": [0], "b": [-0.1], "z": [0.1]}"#,
        true,
    ),
    // Booleans.
    (r#"{"ok": [true]}"#, r#"{"ok": true}"#, true),
    (r#"{"ok": [true]}"#, r#"{"ok": false}"#, false),
    (r#"{"ok": [true]}"#, r#"{"ok": "true"}"#, false),
    // Or, of one field and of several.
    (
        r#"{"PaymentType": ["Credit", "Debit"]}"#,
        r#"{"PaymentType": "Debit"}"#,
        true,
    ),
    (
        r#"{"PaymentType": ["Credit", "Debit"]}"#,
        r#"{"PaymentType": "Cash"}"#,
        false,
    ),
    (
        r#"{"$or": [{"Location": ["New York"]}, {"Day": ["Monday"]}]}"#,
        r#"{"Location": "New York"}"#,
        true,
    ),
    (
        r#"{"$or": [{"Location": ["New York"]}, {"Day": ["Monday"]}]}"#,
        r#"{"Location": "Rome", "Day": "Monday"}"#,
        true,
    ),
    (
        r#"{"$or": [{"Location": ["New York"]}, {"Day": ["Monday"]}]}"#,
        r#"{"Location": "Rome", "Day": "Friday"}"#,
        false,
    ),
    // Wildcards.
    (
        r#"{"FilePath": [{"wildcard": "dir/*.png"}]}"#,
        r#"{"FilePath": "dir/a/b.png"}"#,
        true,
    ),
    (
        r#"{"FilePath": [{"wildcard": "dir/*.png"}]}"#,
        r#"{"FilePath": "dir/.png"}"#,
        true,
    ),
    (
        r#"{"FilePath": [{"wildcard": "dir/*.png"}]}"#,
        r#"{"FilePath": "a/dir/b.png"}"#,
        false,
    ),
    (
        r#"{"source": [{"wildcard": "Simple*Service"}]}"#,
        r#"{"source": "SimpleQueueService"}"#,
        true,
    ),
    (
        r#"{"source": [{"wildcard": "Simple*Service"}]}"#,
        r#"{"source": "SimpleService"}"#,
        true,
    ),
    (
        r#"{"source": [{"wildcard": "Simple*Service"}]}"#,
        r#"{"source": "SimplyService"}"#,
        false,
    ),
    (r#"{"a": [{"wildcard": "*"}]}"#, r#"{"a": ""}"#, true),
    (r#"{"a": [{"wildcard": "*"}]}"#, r#"{"a": 1}"#, false),
    (
        r#"{"a": [{"wildcard": "2 \\* 3"}]}"#,
        r#"{"a": "2 * 3"}"#,
        true,
    ),
    (
        r#"{"a": [{"wildcard": "2 \\* 3"}]}"#,
        r#"{"a": "2 x 3"}"#,
        false,
    ),
    (
        r#"{"a": [{"wildcard": "C:\\\\*"}]}"#,
        r#"{"a": "C:\\dir"}"#,
        true,
    ),
    (
        r#"{"a": [{"wildcard": "C:\\\\*"}]}"#,
        r#"{"a": "C:/dir"}"#,
        false,
    ),
    // Addresses.
    (
        r#"{"source-ip": [{"cidr": "10.0.0.0/24"}]}"#,
        r#"{"source-ip": "10.0.0.255"}"#,
        true,
    ),
    (
        r#"{"source-ip": [{"cidr": "10.0.0.0/24"}]}"#,
        r#"{"source-ip": "10.0.1.0"}"#,
        false,
    ),
    (
        r#"{"source-ip": [{"cidr": "10.0.0.0/24"}]}"#,
        r#"{"source-ip": "10.0.0.x"}"#,
        false,
    ),
    (
        r#"{"source-ip": [{"cidr": "10.0.0.77/24"}]}"#,
        r#"{"source-ip": "10.0.0.1"}"#,
        true,
    ),
    (
        r#"{"source-ip": [{"cidr": "2001:db8::/32"}]}"#,
        r#"{"source-ip": "2001:DB8:0:1::5"}"#,
        true,
    ),
    (
        r#"{"source-ip": [{"cidr": "2001:db8::/32"}]}"#,
        r#"{"source-ip": "2001:db9::1"}"#,
        false,
    ),
    (
        r#"{"source-ip": [{"cidr": "0.0.0.0/0"}]}"#,
        r#"{"source-ip": "255.255.255.255"}"#,
        true,
    ),
    (
        r#"{"source-ip": [{"cidr": "0.0.0.0/0"}]}"#,
        r#"{"source-ip": "::1"}"#,
        false,
    ),
];

/// Whole patterns of both pages: several operators at once, and `$or` at every level.
pub(super) const PATTERNS: &[Case] = &[
    (
        COMPLEX,
        r#"{"time": "2017-10-02T16:24:49Z", "detail": {"state": "running", "c-count": 5, "d-count": 3, "x-limit": 301.8, "source-ip": "10.0.0.33"}}"#,
        true,
    ),
    (
        COMPLEX,
        r#"{"time": "2017-10-02T16:24:49Z", "detail": {"state": "running", "c-count": 6, "d-count": 3, "x-limit": 301.8, "source-ip": "10.0.0.33"}}"#,
        false,
    ),
    (
        COMPLEX,
        r#"{"time": "2017-10-02T16:24:49Z", "detail": {"state": "running", "c-count": 5, "d-count": 3, "x-limit": 300, "source-ip": "10.0.0.33"}}"#,
        false,
    ),
    (
        COMPLEX,
        r#"{"time": "2017-10-02T16:24:49Z", "detail": {"state": "running", "c-count": 5, "d-count": 3, "x-limit": 301.8, "source-ip": "11.0.0.33"}}"#,
        false,
    ),
    (
        SIMPLE,
        r#"{"detail-type": "state-change", "resources": ["arn:1", "arn:2"], "detail": {"state": "running"}}"#,
        true,
    ),
    (
        SIMPLE,
        r#"{"detail-type": "state-change", "resources": ["arn:1"], "detail": {"state": "running"}}"#,
        false,
    ),
    (
        SIMPLE,
        r#"{"detail-type": "state-change", "resources": [], "detail": {"state": "running"}}"#,
        false,
    ),
    // An event of an empty text, of null and of an empty array.
    (r#"{"detail": {"eventVersion": [""]}}"#, NULLS, true),
    (r#"{"detail": {"responseElements": [null]}}"#, NULLS, true),
    (r#"{"detail": {"responseElements": [""]}}"#, NULLS, false),
    (r#"{"resources": [{"exists": true}]}"#, NULLS, false),
    // Any of three, of operators.
    (OR_OF_NUMBERS, r#"{"detail": {"c-count": 3}}"#, true),
    (
        OR_OF_NUMBERS,
        r#"{"detail": {"c-count": 9, "d-count": 9}}"#,
        true,
    ),
    (OR_OF_NUMBERS, r#"{"detail": {"x-limit": 301.8}}"#, true),
    (
        OR_OF_NUMBERS,
        r#"{"detail": {"c-count": 9, "d-count": 10, "x-limit": 1}}"#,
        false,
    ),
    // Beside a field.
    (
        OR_BESIDE,
        r#"{"source": "aws.cloudwatch", "metricName": "ReadLatency"}"#,
        true,
    ),
    (
        OR_BESIDE,
        r#"{"source": "aws.cloudwatch", "namespace": "AWS/ES"}"#,
        true,
    ),
    (
        OR_BESIDE,
        r#"{"source": "aws.ec2", "namespace": "AWS/ES"}"#,
        false,
    ),
    (
        OR_BESIDE,
        r#"{"source": "aws.cloudwatch", "namespace": "AWS/S3"}"#,
        false,
    ),
    // At two levels.
    (
        OR_AT_TWO_LEVELS,
        r#"{"namespace": "AWS/EC2", "detail": {"source": "aws.cloudwatch"}}"#,
        true,
    ),
    (
        OR_AT_TWO_LEVELS,
        r#"{"metricName": "ReadLatency", "detail": {"detail-type": "alarm"}}"#,
        true,
    ),
    (
        OR_AT_TWO_LEVELS,
        r#"{"namespace": "AWS/EC2", "detail": {"source": "aws.ec2"}}"#,
        false,
    ),
    (
        OR_AT_TWO_LEVELS,
        r#"{"detail": {"source": "aws.cloudwatch"}}"#,
        false,
    ),
    // With an and inside, and an or inside that.
    (
        OR_IN_OR,
        r#"{"source": "aws.cloudwatch", "metricName": "ReadLatency"}"#,
        true,
    ),
    (
        OR_IN_OR,
        r#"{"source": "aws.cloudwatch", "scope": "Service"}"#,
        true,
    ),
    (
        OR_IN_OR,
        r#"{"source": "aws.cloudwatch", "metricType": "MetricType", "namespace": "AWS/ES", "spaceId": 1000}"#,
        true,
    ),
    (
        OR_IN_OR,
        r#"{"source": "aws.cloudwatch", "metricType": "MetricType", "namespace": "AWS/ES", "metricId": 1234.0}"#,
        true,
    ),
    (
        OR_IN_OR,
        r#"{"source": "aws.cloudwatch", "metricType": "MetricType", "namespace": "AWS/ES"}"#,
        false,
    ),
    (
        OR_IN_OR,
        r#"{"source": "aws.cloudwatch", "metricType": "MetricType", "spaceId": 1000}"#,
        false,
    ),
    (
        OR_IN_OR,
        r#"{"source": "aws.cloudwatch", "namespace": "AWS/ES", "spaceId": 1000}"#,
        false,
    ),
    (
        OR_IN_OR,
        r#"{"source": "aws.ec2", "scope": "Service"}"#,
        false,
    ),
];

const COMPLEX: &str = r#"{"time": [{"prefix": "2017-10-02"}], "detail": {"state": [{"anything-but": "initializing"}],
    "c-count": [{"numeric": [">", 0, "<=", 5]}], "d-count": [{"numeric": ["<", 10]}],
    "x-limit": [{"anything-but": [100, 200, 300]}], "source-ip": [{"cidr": "10.0.0.0/8"}]}}"#;
const SIMPLE: &str = r#"{"detail-type": ["state-change"], "resources": ["arn:2"],
    "detail": {"state": ["initializing", "running"]}}"#;
const NULLS: &str =
    r#"{"resources": [], "detail": {"eventVersion": "", "responseElements": null}}"#;
const OR_OF_NUMBERS: &str = r#"{"detail": {"$or": [{"c-count": [{"numeric": [">", 0, "<=", 5]}]},
    {"d-count": [{"numeric": ["<", 10]}]}, {"x-limit": [{"numeric": ["=", 3.018e2]}]}]}}"#;
const OR_BESIDE: &str = r#"{"source": ["aws.cloudwatch"],
    "$or": [{"metricName": ["CPUUtilization", "ReadLatency"]}, {"namespace": ["AWS/EC2", "AWS/ES"]}]}"#;
const OR_AT_TWO_LEVELS: &str = r#"{"$or": [{"metricName": ["CPUUtilization", "ReadLatency"]}, {"namespace": ["AWS/EC2", "AWS/ES"]}],
    "detail": {"$or": [{"source": ["aws.cloudwatch"]}, {"detail-type": ["alarm"]}]}}"#;
const OR_IN_OR: &str = r#"{"source": ["aws.cloudwatch"], "$or": [{"metricName": ["CPUUtilization", "ReadLatency"]},
    {"metricType": ["MetricType"], "namespace": ["AWS/EC2", "AWS/ES"], "$or": [{"metricId": [1234]}, {"spaceId": [1000]}]},
    {"scope": ["Service"]}]}"#;

/// Arrays of the event: any element will do, and all that is asked below one array must be in the
/// same element of it.
pub(super) const ARRAYS: &[Case] = &[
    (r#"{"employees": {"firstName": ["Anna"]}}"#, EMPLOYEES, true),
    (
        r#"{"employees": {"firstName": ["Anna"], "lastName": ["Smith"]}}"#,
        EMPLOYEES,
        true,
    ),
    (
        r#"{"employees": {"firstName": ["Anna"], "lastName": ["Jones"]}}"#,
        EMPLOYEES,
        false,
    ),
    (
        r#"{"employees": {"firstName": ["Anna"], "lastName": ["Smith"]}}"#,
        NESTED_EMPLOYEES,
        true,
    ),
    (
        r#"{"employees": {"firstName": ["Anna"], "lastName": ["Doe"]}}"#,
        NESTED_EMPLOYEES,
        false,
    ),
    (
        r#"{"employees": {"firstName": ["Peter"]}}"#,
        NESTED_EMPLOYEES,
        true,
    ),
    (
        r#"{"tags": ["admin"]}"#,
        r#"{"tags": ["user", "admin"]}"#,
        true,
    ),
    (
        r#"{"tags": ["root"]}"#,
        r#"{"tags": ["user", "admin"]}"#,
        false,
    ),
    (r#"{"tags": ["x"]}"#, r#"{"tags": [["a"], [["x"]]]}"#, true),
    (
        r#"{"d": {"tags": [{"anything-but": "banned"}], "type": [{"exists": true}]}}"#,
        r#"{"d": {"tags": ["banned", "ok"], "type": "x"}}"#,
        true,
    ),
    (
        r#"{"d": {"tags": [{"anything-but": "banned"}]}}"#,
        r#"{"d": {"tags": ["banned", "banned"]}}"#,
        false,
    ),
    (
        r#"{"d": {"vals": [{"numeric": [">", 0, "<", 10]}]}}"#,
        r#"{"d": {"vals": [100, 5, 200]}}"#,
        true,
    ),
    (
        r#"{"d": {"vals": [{"numeric": [">", 0, "<", 10]}]}}"#,
        r#"{"d": {"vals": [100, 200]}}"#,
        false,
    ),
    (
        r#"{"d": {"name": [{"exists": true}], "type": [{"exists": true}]}}"#,
        r#"{"d": {"name": [], "type": "x"}}"#,
        false,
    ),
    (
        r#"{"d": {"a": [{"exists": true}], "b": [{"exists": true}]}}"#,
        r#"{"d": [{"a": 1, "b": 2}]}"#,
        true,
    ),
    (
        r#"{"d": {"a": [{"exists": true}], "b": [{"exists": true}]}}"#,
        r#"{"d": [{"a": 1}, {"b": 2}]}"#,
        false,
    ),
    (
        r#"{"d": {"a": [{"exists": true}], "b": [{"exists": true}]}}"#,
        r#"{"d": [{"a": 1}, {"b": 2}, {"a": 3, "b": 4}]}"#,
        true,
    ),
    (r#"{"d": {"a": [{"exists": true}]}}"#, r#"{"d": []}"#, false),
    (r#"{"d": {"a": [{"exists": true}]}}"#, r#"{"d": 1}"#, false),
    (
        r#"{"u": {"s": [{"anything-but": "banned"}], "n": ["alice"]}}"#,
        r#"{"u": [{"n": "alice", "s": "banned"}, {"n": "bob", "s": "active"}]}"#,
        false,
    ),
    (
        r#"{"i": {"p": [{"numeric": [">", 0, "<", 100]}], "n": ["w"]}}"#,
        r#"{"i": [{"n": "w", "p": 50}, {"n": "g", "p": 200}]}"#,
        true,
    ),
    // Arrays in arrays of objects.
    (
        r#"{"u": {"t": {"k": ["color"], "v": ["blue"]}}}"#,
        r#"{"u": [{"t": [{"k": "color", "v": "blue"}]}]}"#,
        true,
    ),
    (
        r#"{"u": {"t": {"k": ["color"], "v": ["blue"]}}}"#,
        r#"{"u": [{"t": [{"k": "color"}, {"v": "blue"}]}]}"#,
        false,
    ),
    (
        r#"{"d": {"name": ["alice"], "info": {"x": ["1"]}}}"#,
        r#"{"d": [{"name": "alice"}, {"info": {"x": "1"}}]}"#,
        false,
    ),
    (
        r#"{"d": {"name": ["alice"], "info": {"x": ["1"]}}}"#,
        r#"{"d": [{"name": "bob"}, {"name": "alice", "info": [{"y": "1"}, {"x": "1"}]}]}"#,
        true,
    ),
    // Different arrays need not agree.
    (
        r#"{"users": {"name": ["alice"]}, "tags": ["admin"]}"#,
        r#"{"users": [{"name": "bob"}, {"name": "alice"}], "tags": ["admin", "user"]}"#,
        true,
    ),
    // What must not be there, in the element that holds the rest, and anywhere where there is no rest.
    (
        r#"{"d": {"a": [{"exists": true}], "b": [{"exists": false}]}}"#,
        r#"{"d": [{"a": 1}]}"#,
        true,
    ),
    (
        r#"{"d": {"a": [{"exists": true}], "b": [{"exists": false}]}}"#,
        r#"{"d": [{"a": 1}, {"a": 2, "b": 2}]}"#,
        true,
    ),
    (
        r#"{"d": {"a": [{"exists": true}], "b": [{"exists": false}]}}"#,
        r#"{"d": [{"a": 1, "b": 2}]}"#,
        false,
    ),
    (
        r#"{"d": {"b": [{"exists": false}]}}"#,
        r#"{"d": [{"a": 1}, {"b": 2}]}"#,
        false,
    ),
    (
        r#"{"d": {"b": [{"exists": false}]}}"#,
        r#"{"d": [{"a": 1}, {"c": 2}]}"#,
        true,
    ),
    (r#"{"d": {"b": [{"exists": false}]}}"#, r#"{"d": []}"#, true),
    (
        r#"{"d": {"b": [{"exists": false}, "x"]}}"#,
        r#"{"d": [{"b": "y"}]}"#,
        false,
    ),
    (
        r#"{"d": {"b": [{"exists": false}, "x"]}}"#,
        r#"{"d": [{"b": "y"}, {"b": "x"}]}"#,
        true,
    ),
    (
        r#"{"d": {"$or": [{"a": [{"exists": false}]}, {"b": [{"exists": false}]}]}}"#,
        r#"{"d": [{"a": 1}, {"b": 1}]}"#,
        false,
    ),
    (
        r#"{"d": {"$or": [{"a": [{"exists": false}]}, {"b": [{"exists": false}]}]}}"#,
        r#"{"d": [{"a": 1}, {"c": 1}]}"#,
        true,
    ),
    // The alternatives of `$or` and what stands beside it are of one element too.
    (OR_OF_ONE_ELEMENT, r#"{"d": [{"a": 1, "b": 2}]}"#, true),
    (OR_OF_ONE_ELEMENT, r#"{"d": [{"a": 1}, {"b": 2}]}"#, false),
    (
        OR_OF_ONE_ELEMENT,
        r#"{"d": [{"a": 1}, {"b": 2}], "e": 3}"#,
        true,
    ),
    (
        r#"{"d": {"$or": [{"a": [1]}, {"a": [2], "b": [2]}]}}"#,
        r#"{"d": [{"a": 2}, {"b": 2}]}"#,
        false,
    ),
    (
        r#"{"d": {"$or": [{"a": [1]}, {"a": [2], "b": [2]}]}}"#,
        r#"{"d": [{"a": 3}, {"a": 2, "b": 2}]}"#,
        true,
    ),
];

const EMPLOYEES: &str = r#"{"employees": [{"firstName": "John", "lastName": "Doe"},
    {"firstName": "Anna", "lastName": "Smith"}, {"firstName": "Peter", "lastName": "Jones"}]}"#;
const NESTED_EMPLOYEES: &str = r#"{"employees": [[{"firstName": "John", "lastName": "Doe"},
    {"firstName": "Anna", "lastName": "Smith"}], [{"firstName": "Peter", "lastName": "Jones"}]]}"#;
const OR_OF_ONE_ELEMENT: &str = r#"{"d": {"a": [1]}, "$or": [{"d": {"b": [2]}}, {"e": [3]}]}"#;

/// Where Waybill differs on purpose: what it says, which is the narrower or the plainer.
pub(super) const DIFFERENT: &[Case] = &[
    // event-ruler joins keys by dots, and takes both.
    (r#"{"a.b": ["x"]}"#, r#"{"a": {"b": "x"}}"#, false),
    (r#"{"a": {"b": ["x"]}}"#, r#"{"a.b": "x"}"#, false),
    (r#"{"a.b": ["x"]}"#, r#"{"a.b": "x"}"#, true),
    // event-ruler takes an address as a value for every way to write it.
    (r#"{"ip": ["::1"]}"#, r#"{"ip": "0:0:0:0:0:0:0:1"}"#, false),
    // event-ruler takes the last of two lists for one field, here the alternative's.
    (
        r#"{"a": [1], "$or": [{"a": [2]}, {"b": [3]}]}"#,
        r#"{"a": 2}"#,
        false,
    ),
    (
        r#"{"a": [1], "$or": [{"a": [2]}, {"b": [3]}]}"#,
        r#"{"a": 1, "b": 3}"#,
        true,
    ),
    // event-ruler looks for what must not be there in the order of the names: with `a` and `b`
    // exchanged it takes this event, and so it does not take it as it is.
    (
        r#"{"d": {"a": [{"exists": false}], "b": [{"exists": true}]}}"#,
        r#"{"d": [{"a": 1}, {"b": 2}]}"#,
        true,
    ),
    // A network of one address.
    (
        r#"{"ip": [{"cidr": "10.0.0.1/32"}]}"#,
        r#"{"ip": "10.0.0.1"}"#,
        true,
    ),
    (
        r#"{"ip": [{"cidr": "10.0.0.1/32"}]}"#,
        r#"{"ip": "10.0.0.2"}"#,
        false,
    ),
    // What has more than 64 bits is a float.
    (r#"{"n": [-99999999999999999999]}"#, r#"{"n": -1e20}"#, true),
    // Numbers that differ beyond the digits of a float.
    (
        r#"{"n": [9007199254740993]}"#,
        r#"{"n": 9007199254740992}"#,
        false,
    ),
    (
        r#"{"n": [9007199254740993]}"#,
        r#"{"n": 9007199254740993}"#,
        true,
    ),
    (
        r#"{"n": [{"numeric": [">", 9007199254740992]}]}"#,
        r#"{"n": 9007199254740993}"#,
        true,
    ),
    (
        r#"{"n": [{"numeric": [">", 1e300]}]}"#,
        r#"{"n": 18446744073709551615}"#,
        false,
    ),
    (
        r#"{"n": [{"numeric": ["<", 9223372036854775806]}]}"#,
        r#"{"n": 1e18}"#,
        true,
    ),
    (r#"{"n": [0]}"#, r#"{"n": -0.0}"#, true),
    (
        r#"{"n": [0.30000000000000004]}"#,
        r#"{"n": 0.30000000000000004}"#,
        true,
    ),
    (r#"{"n": [0.1]}"#, r#"{"n": 0.1}"#, true),
    (r#"{"n": [5e-324]}"#, r#"{"n": 5e-324}"#, true),
    (
        r#"{"n": [1.7976931348623157e308]}"#,
        r#"{"n": 1.7976931348623157e308}"#,
        true,
    ),
    (
        r#"{"n": [123456.123456789]}"#,
        r#"{"n": 123456.1234567890}"#,
        true,
    ),
];
