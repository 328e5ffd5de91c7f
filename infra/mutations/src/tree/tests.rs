use super::*;

#[test]
fn a_copy_becomes_the_same_without_what_is_built() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let put = |root: &Path, path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    put(from.path(), "src/a.rs", "a");
    put(from.path(), ".cargo/config.toml", "c");
    put(from.path(), "target/debug/x", "x");
    put(from.path(), ".git/HEAD", "h");
    put(to.path(), "src/a.rs", "mutated");
    put(to.path(), "src/gone.rs", "gone");
    copy(from.path(), to.path()).unwrap();
    let read = |path: &str| fs::read_to_string(to.path().join(path)).ok();
    assert_eq!(read("src/a.rs").as_deref(), Some("a"));
    assert_eq!(read(".cargo/config.toml").as_deref(), Some("c"));
    for path in ["src/gone.rs", "target/debug/x", ".git/HEAD"] {
        assert_eq!(read(path), None, "{path}");
    }
}

#[test]
fn what_is_the_same_is_not_touched() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(from.path().join("a"), "a").unwrap();
    copy(from.path(), to.path()).unwrap();
    let file = to.path().join("a");
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    let opened = fs::File::options().write(true).open(&file).unwrap();
    opened.set_modified(long_ago).unwrap();
    copy(from.path(), to.path()).unwrap();
    assert_eq!(fs::metadata(file).unwrap().modified().unwrap(), long_ago);
}
