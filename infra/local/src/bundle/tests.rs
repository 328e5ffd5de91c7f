//! Artifacts and outputs.

use super::*;

#[test]
fn code_is_placed_by_its_folders_name_and_layers_by_their_files() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("routes")).unwrap();
    fs::write(root.join("routes/routes.yaml"), "routes: []").unwrap();
    fs::write(root.join("binary"), "elf").unwrap();
    let functions =
        BuiltFunctions::from_binaries([("consumer".to_owned(), root.join("binary"))].into());
    let text = "Resources:\n  A:\n    CodeUri: functions/consumer\n  B:\n    ContentUri: routes/\n";
    let (rewritten, archives) = place_artifacts(text, root, &functions, "b").unwrap();
    assert!(rewritten.contains("CodeUri: s3://b/A.zip"));
    assert!(rewritten.contains("ContentUri: s3://b/B.zip"));
    let names = |key: &str| {
        let cursor = std::io::Cursor::new(archives[key].clone());
        let archive = zip::ZipArchive::new(cursor).unwrap();
        archive.file_names().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names("A.zip"), ["bootstrap"]);
    assert_eq!(names("B.zip"), ["routes.yaml"]);
}

#[test]
fn outputs_are_read_from_the_stacks_description() {
    let xml = "<Outputs><member><OutputKey>A</OutputKey><OutputValue>http://x/?a=1&amp;b=2\
        </OutputValue></member><member><OutputKey>B</OutputKey><OutputValue>b</OutputValue>\
        </member></Outputs>";
    let found = outputs(xml);
    assert_eq!(found["A"], "http://x/?a=1&b=2");
    assert_eq!(found["B"], "b");
}
