//! The place of the cluster.

use super::*;

/// A data directory that the database's user cannot reach. Only as root: other users run the
/// server as themselves.
fn unreachable_scratch() -> Option<Scratch> {
    let scratch = geteuid().is_root().then(Scratch::new)?;
    fs::create_dir(scratch.data_dir()).unwrap();
    fs::set_permissions(scratch.data_dir(), fs::Permissions::from_mode(0o700)).unwrap();
    Some(scratch)
}

#[tokio::test]
async fn as_root_with_an_unreachable_data_directory_the_cluster_lies_elsewhere_and_is_found_again()
{
    let Some(scratch) = unreachable_scratch() else {
        return;
    };
    let postgres = scratch.start().await;
    let notice = postgres.notice().unwrap().to_owned();
    assert!(
        notice.contains(scratch.surroundings().elsewhere.to_str().unwrap()),
        "{notice}"
    );
    assert!(!scratch.cluster().exists());
    write(&postgres, "kept").await;
    assert!(EmbeddedPostgres::locate(&scratch.data_dir()).is_ok());
    postgres.stop().await;

    let postgres = scratch.start().await;
    assert_eq!(read(&postgres).await.unwrap(), ["kept"]);
    assert_eq!(postgres.notice().unwrap(), notice);
    postgres.stop().await;
}

#[tokio::test]
async fn a_cluster_elsewhere_is_not_adopted_by_a_new_data_directory_of_the_same_name() {
    let Some(scratch) = unreachable_scratch() else {
        return;
    };
    let postgres = scratch.start().await;
    write(&postgres, "of the removed one").await;
    postgres.stop().await;
    fs::remove_file(scratch.data_dir().join("postgres.location")).unwrap();

    let postgres = scratch.start().await;
    assert!(read(&postgres).await.is_err());
    postgres.stop().await;
}

#[tokio::test]
async fn a_cluster_elsewhere_that_is_gone_is_an_error_and_no_empty_database() {
    let Some(scratch) = unreachable_scratch() else {
        return;
    };
    scratch.start().await.stop().await;
    fs::remove_dir_all(scratch.surroundings().elsewhere).unwrap();
    let error = scratch.try_start().await.unwrap_err();
    assert!(matches!(error, EmbeddedError::Missing { .. }), "{error}");
}
