use super::*;

/// What text is as data, if it is JSON.
fn data(text: &str) -> Data {
    Data::Json(text.to_owned().into())
}

#[test]
fn both_classes_are_pointers() {
    let expected = Pointer {
        bucket: "claims".to_owned(),
        key: "o-1".to_owned(),
    };
    for class in CLASSES {
        // With blanks as Python writes them, without as Java does, and with what may come one day.
        let bodies = [
            format!(r#"["{class}", {{"s3BucketName": "claims", "s3Key": "o-1"}}]"#),
            format!(r#"["{class}",{{"s3BucketName":"claims","s3Key":"o-1"}}]"#),
            format!(r#"["{class}",{{"s3Key":"o-1","s3BucketName":"claims","s3Version":"1"}}]"#),
        ];
        for body in bodies {
            assert_eq!(Pointer::of(&data(&body)), Ok(Some(expected.clone())));
        }
    }
}

#[test]
fn what_names_no_class_is_a_body_like_any_other() {
    let bodies = [
        r#"{"id": "o-1", "lines": []}"#,
        r#"[]"#,
        r#"["com.example.Other", {"s3BucketName": "claims", "s3Key": "o-1"}]"#,
        r#"[{"s3BucketName": "claims", "s3Key": "o-1"}]"#,
        "1",
    ];
    for body in bodies {
        assert_eq!(Pointer::of(&data(body)), Ok(None), "{body}");
    }
    assert_eq!(Pointer::of(&Data::Absent), Ok(None));
    assert_eq!(Pointer::of(&Data::Text("[no JSON".into())), Ok(None));
}

#[test]
fn a_class_without_its_pointer_is_refused_for_good() {
    let class = CLASSES[0];
    let bodies = [
        format!(r#"["{class}"]"#),
        format!(r#"["{class}", {{"s3BucketName": "claims"}}]"#),
        format!(r#"["{class}", {{"s3BucketName": "claims", "s3Key": ""}}]"#),
        format!(r#"["{class}", {{"s3BucketName": "claims", "s3Key": 7}}]"#),
        format!(r#"["{class}", {{"s3BucketName": "claims", "s3Key": "o-1"}}, 1]"#),
    ];
    for body in bodies {
        let failure = Pointer::of(&data(&body)).expect_err("it is refused");
        assert_eq!(failure.code(), "claim_malformed", "{body}");
        assert!(!failure.is_retried());
    }
}

#[test]
fn a_pointer_leads_to_the_one_bucket_and_no_other_f79() {
    let pointer = Pointer {
        bucket: "claims".to_owned(),
        key: "o-1".to_owned(),
    };
    assert_eq!(pointer.clone().within("claims"), Ok(pointer.clone()));
    for other in ["", "claims-2", "Claims", "arn:aws:s3:::claims"] {
        let failure = pointer.clone().within(other).expect_err("it is refused");
        assert_eq!(failure.code(), "claim_elsewhere");
        assert!(!failure.is_retried());
    }
}
