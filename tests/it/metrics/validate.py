"""Holds documents, one a line on stdin, to the specification of CloudWatch's embedded metric format,
and prints a JSON object of each metric's name with its unit and its sets of dimensions.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import sys

UNITS = {
    "Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Gigabytes",
    "Terabytes", "Bits", "Kilobits", "Megabits", "Gigabits", "Terabits", "Percent", "Count",
    "Bytes/Second", "Kilobytes/Second", "Megabytes/Second", "Gigabytes/Second",
    "Terabytes/Second", "Bits/Second", "Kilobits/Second", "Megabits/Second", "Gigabits/Second",
    "Terabits/Second", "Count/Second", "None",
}


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_name(value, longest):
    return isinstance(value, str) and 1 <= len(value) <= longest


def directive(document, told):
    assert is_name(told["Namespace"], 1024), "Namespace"
    assert not told["Namespace"].startswith("AWS/"), "Namespace is reserved"
    sets = told["Dimensions"]
    assert isinstance(sets, list) and sets, "Dimensions"
    for names in sets:
        assert isinstance(names, list) and len(names) <= 30, "DimensionSet"
        assert len(set(names)) == len(names), "a dimension twice"
        for name in names:
            assert is_name(name, 250) and not name.startswith(":") and name.isascii(), name
            value = document[name]
            assert is_name(value, 1024) and value.strip() and value.isascii(), (name, value)
    metrics = told["Metrics"]
    assert isinstance(metrics, list) and 1 <= len(metrics) <= 100, "MetricDefinitions"
    assert len({metric["Name"] for metric in metrics}) == len(metrics), "a metric twice"
    for metric in metrics:
        assert set(metric) <= {"Name", "Unit", "StorageResolution"}, metric
        assert is_name(metric["Name"], 1024), metric
        assert metric.get("Unit", "None") in UNITS, metric
        assert metric.get("StorageResolution", 60) in (1, 60), metric
        target = document[metric["Name"]]
        values = target if isinstance(target, list) else [target]
        assert 1 <= len(values) <= 100 and all(map(is_number, values)), (metric, target)
        yield metric["Name"], metric.get("Unit", "None"), sets


def main():
    found = {}
    for line in sys.stdin:
        assert len(line.encode()) <= 1024 * 1024, "longer than a log event may be"
        document = json.loads(line)
        metadata = document["_aws"]
        assert isinstance(metadata["Timestamp"], int), "Timestamp"
        assert metadata["Timestamp"] > 1_600_000_000_000, "Timestamp is in milliseconds"
        directives = metadata["CloudWatchMetrics"]
        assert isinstance(directives, list) and directives, "CloudWatchMetrics"
        for told in directives:
            for name, unit, sets in directive(document, told):
                known = found.setdefault(name, {"unit": unit, "dimensions": []})
                assert known["unit"] == unit, (name, "has two units")
                for names in sets:
                    if names not in known["dimensions"]:
                        known["dimensions"].append(names)
    json.dump(found, sys.stdout)


main()
