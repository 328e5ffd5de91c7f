//! Cargo's messages and variables, and the archive.

use std::io::Read;

use super::*;

#[test]
fn a_binarys_path_is_read_from_cargos_message() {
    let line = r#"{"reason":"compiler-artifact","target":{"name":"consumer","kind":["bin"]},
        "executable":"/t/release/consumer","fresh":true}"#;
    let expected = ("consumer".to_owned(), PathBuf::from("/t/release/consumer"));
    assert_eq!(read_executable(line), Some(expected));
}

#[test]
fn messages_about_anything_else_are_passed_over() {
    for line in [
        r#"{"reason":"compiler-artifact","target":{"name":"serde"},"executable":null}"#,
        r#"{"reason":"build-finished","success":true}"#,
        "not json",
    ] {
        assert_eq!(read_executable(line), None, "{line}");
    }
}

#[test]
fn only_the_outer_cargos_own_variables_are_removed() {
    for name in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO_BIN_EXE_demo"] {
        assert!(is_set_by_cargo(&name.into()), "{name}");
    }
    for name in [
        "CARGO_HOME",
        "CARGO_NET_OFFLINE",
        "CARGO_BUILD_JOBS",
        "RUSTFLAGS",
        "LD_LIBRARY_PATH",
    ] {
        assert!(!is_set_by_cargo(&name.into()), "{name}");
    }
}

#[test]
fn the_archive_holds_an_executable_bootstrap() {
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("consumer");
    fs::write(&binary, b"\x7fELF").unwrap();
    let functions = BuiltFunctions::from_binaries([("consumer".to_owned(), binary)].into());
    let archive = functions.archive("consumer").unwrap();
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).unwrap();
    assert_eq!(archive.len(), 1);
    let mut file = archive.by_name("bootstrap").unwrap();
    assert_eq!(file.unix_mode().unwrap() & 0o777, 0o755);
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"\x7fELF");
}

#[test]
fn a_function_that_was_not_built_is_named() {
    let error = BuiltFunctions::from_binaries(BTreeMap::new()).archive("poller");
    assert!(error.unwrap_err().to_string().contains("`poller`"));
}
