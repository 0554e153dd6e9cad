//! `/messages/recordings` and their sound.

use std::fs;

use serde_json::{Value, json};

use super::sounds::{encoded, samples, wav};
use crate::harness::{Client, Server, Setup, eventually, seconds};

async fn recording(user: &Client) -> i64 {
    let body = json!({"name": "greeting", "description": "d"});
    user.post("/messages/recordings", body)
        .await
        .id("recording_id")
}

async fn read(user: &Client, id: i64) -> Value {
    user.get(&format!("/messages/recordings/{id}")).await.ok()
}

fn media(id: i64) -> String {
    format!("/messages/recordings/{id}/media")
}

#[tokio::test]
async fn a_recording_reads_as_it_was_written() {
    let user = Server::shared().await.user(&["user"]).await;
    let id = recording(&user).await;
    let silent = json!({
        "recording_id": id, "name": "greeting", "description": "d", "type": "wav",
        "file_name": null, "length": null, "user_id": user.user_id,
    });
    assert_eq!(read(&user, id).await, silent);
    assert_eq!(user.get(&media(id)).await.status, 404);
    let path = format!("/messages/recordings/{id}");
    let renamed = user.put(&path, json!({"name": "farewell"})).await.ok();
    assert_eq!(renamed["name"], "farewell");
    let refused = user
        .post("/messages/recordings", json!({"name": " "}))
        .await;
    assert_eq!(
        (refused.status, refused.fields()),
        (412, vec!["name".to_owned()])
    );
}

#[tokio::test]
async fn sound_of_every_kind_becomes_the_same_kind_of_wav() {
    let user = Server::shared().await.user(&["user"]).await;
    let telephone = wav(8_000, 1, 17_000);
    for (name, kind, bytes, expected, length) in [
        // The length is rounded up to whole seconds.
        ("a.wav", "audio/wav", telephone.clone(), 17_000..=17_000, 3),
        (
            "b.wav",
            "audio/x-wav",
            wav(44_100, 2, 88_200),
            15_999..=16_001,
            2,
        ),
        (
            "c.mp3",
            "audio/mpeg",
            encoded(&telephone, "mp3"),
            17_000..=20_000,
            3,
        ),
        (
            "d.ogg",
            "audio/ogg",
            encoded(&telephone, "vorbis"),
            17_000..=17_000,
            3,
        ),
        (
            "e.gsm",
            "audio/x-gsm",
            encoded(&telephone, "gsm"),
            17_000..=17_160,
            3,
        ),
        // The content decides the format, not the name and the content type.
        (
            "f.pdf",
            "audio/mpeg",
            encoded(&telephone, "vorbis"),
            17_000..=17_000,
            3,
        ),
    ] {
        let id = recording(&user).await;
        let request = user
            .request("PUT", &media(id))
            .header("content-type", kind)
            .header(
                "content-disposition",
                format!("attachment; filename={name}"),
            );
        let answer = user.send(request.body(bytes)).await;
        assert_eq!(answer.ok(), json!({"recording_id": id}), "{name}");
        let row = read(&user, id).await;
        assert_eq!(
            (&row["type"], &row["length"], &row["file_name"]),
            (&json!("wav"), &json!(length), &json!(name))
        );
        let download = user.get(&media(id)).await;
        assert_eq!(download.header("content-type"), Some("audio/wav"));
        let called = format!("attachment; filename=\"{}.wav\"", &name[..1]);
        assert_eq!(
            download.header("content-disposition"),
            Some(called.as_str())
        );
        let heard = samples(&download.body);
        assert!(expected.contains(&heard), "{name}: {heard} samples");
    }
}

#[tokio::test]
async fn what_is_put_replaces_and_what_is_posted_follows() {
    let user = Server::shared().await.user(&["user"]).await;
    let id = recording(&user).await;
    let (one, two) = (wav(8_000, 1, 8_000), wav(8_000, 1, 4_001));
    user.append(&media(id), "audio/wav", one.clone()).await.ok();
    assert!(user.get(&media(id)).await.body == one);
    user.append(&media(id), "audio/wav", two.clone()).await.ok();
    assert_eq!(read(&user, id).await["length"], 2);
    let both = user.get(&media(id)).await.body;
    assert_eq!(samples(&both), 12_001);
    assert!(both[44..] == [&one[44..], &two[44..]].concat());
    let ogg = encoded(&one, "vorbis");
    user.append(&media(id), "audio/ogg", ogg).await.ok();
    assert_eq!(samples(&user.get(&media(id)).await.body), 20_001);
    user.upload(&media(id), "audio/wav", two.clone()).await.ok();
    assert!(user.get(&media(id)).await.body == two);
}

#[tokio::test]
async fn what_is_posted_twice_with_one_key_is_heard_once() {
    let user = Server::shared().await.user(&["user"]).await;
    let id = recording(&user).await;
    for _ in 0..2 {
        let request = user
            .request("POST", &media(id))
            .header("content-type", "audio/wav")
            .header("idempotency-key", format!("sound-{id}"))
            .body(wav(8_000, 1, 1_000));
        assert_eq!(user.send(request).await.ok(), json!({"recording_id": id}));
    }
    assert_eq!(samples(&user.get(&media(id)).await.body), 1_000);
}

#[tokio::test]
async fn sound_that_is_added_at_the_same_time_is_all_there() {
    let user = Server::shared().await.user(&["user"]).await;
    let id = recording(&user).await;
    let sound = wav(8_000, 1, 1_000);
    let path = media(id);
    let append = || user.append(&path, "audio/wav", sound.clone());
    let (one, two, three) = tokio::join!(append(), append(), append());
    for answer in [one, two, three] {
        answer.ok();
    }
    assert_eq!(samples(&user.get(&path).await.body), 3_000);
}

#[tokio::test]
async fn what_is_not_sound_is_refused_and_the_old_sound_stays() {
    let user = Server::shared().await.user(&["user"]).await;
    let id = recording(&user).await;
    let good = wav(8_000, 1, 8_000);
    user.upload(&media(id), "audio/wav", good.clone())
        .await
        .ok();
    let before = read(&user, id).await;
    let with = |at: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    let mp3 = encoded(&good, "mp3");
    let ogg = encoded(&good, "vorbis");
    for (what, bytes) in [
        ("nothing", Vec::new()),
        ("text", b"hello, world".to_vec()),
        ("a PDF", b"%PDF-1.4\n%%EOF".to_vec()),
        (
            "noise",
            (0..50_000_u32).map(|n| (n * n / 7) as u8).collect(),
        ),
        ("half a WAV", good[..8_000].to_vec()),
        ("the beginning of a WAV", good[..30].to_vec()),
        ("a WAV of 4 GB, it says", with(4, &[0xff; 4])),
        ("a WAV with 4 GB of samples, it says", with(40, &[0xff; 4])),
        ("a WAV without samples", with(40, &[0; 4])),
        ("a WAV without channels", with(22, &[0; 2])),
        ("a WAV of 0 Hz", with(24, &[0; 4])),
        ("a WAV of 4 GHz", with(24, &[0xff; 4])),
        ("half an OGG page", ogg[..70].to_vec()),
        (
            "an OGG of noise",
            [&ogg[..60], &vec![0x5a; 20_000]].concat(),
        ),
        (
            "a tag without an MP3",
            b"ID3\x04\0\0\x7f\x7f\x7f\x7f".repeat(40),
        ),
        ("a page with an MP3 in it", [b"<html>", &mp3[..]].concat()),
    ] {
        for method in ["PUT", "POST"] {
            let request = user
                .request(method, &media(id))
                .header("content-type", "audio/wav");
            let answer = user.send(request.body(bytes.clone())).await;
            assert_eq!(answer.status, 412, "{what}: {}", answer.text());
            assert_eq!(answer.fields(), ["body"], "{what}");
        }
    }
    assert_eq!(read(&user, id).await, before);
    assert!(user.get(&media(id)).await.body == good);
    eventually("no sox runs any more", seconds(20), async || {
        let all = fs::read_dir("/proc").unwrap().flatten();
        let mut names = all.flat_map(|process| fs::read_to_string(process.path().join("comm")));
        (!names.any(|name| name.trim() == "sox")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn no_recording_plays_longer_than_the_setting() {
    let server = Setup::embedded()
        .set("RECORDING_SECONDS", "3")
        .start()
        .await;
    let user = server.user(&["user"]).await;
    let id = recording(&user).await;
    let refused = async |method: &str, bytes: Vec<u8>| {
        let request = user
            .request(method, &media(id))
            .header("content-type", "audio/wav");
        let answer = user.send(request.body(bytes)).await;
        assert_eq!(
            (answer.status, answer.fields()),
            (412, vec!["body".to_owned()])
        );
        assert!(
            answer.text().contains("longer than 3 seconds"),
            "{}",
            answer.text()
        );
    };
    refused("PUT", wav(8_000, 1, 24_001)).await;
    // An hour at the lowest sample rate.
    refused("PUT", wav(1_000, 1, 3_600_000)).await;
    // Ten minutes of sound in a small file.
    let silence = encoded(&wav(8_000, 1, 8_000), "gsm").repeat(600);
    refused("PUT", silence).await;
    refused("PUT", encoded(&wav(8_000, 1, 32_000), "mp3")).await;
    user.upload(&media(id), "audio/wav", wav(8_000, 1, 20_000))
        .await
        .ok();
    refused("POST", wav(8_000, 1, 4_001)).await;
    user.append(&media(id), "audio/wav", wav(8_000, 1, 4_000))
        .await
        .ok();
    assert_eq!(read(&user, id).await["length"], 3);
}

#[tokio::test]
async fn a_recording_of_one_user_is_not_there_for_another() {
    let server = Server::shared().await;
    let (owner, other) = (server.user(&["user"]).await, server.user(&["user"]).await);
    let id = recording(&owner).await;
    let sound = wav(8_000, 1, 800);
    owner
        .upload(&media(id), "audio/wav", sound.clone())
        .await
        .ok();
    for root in ["/messages/recordings", "/recordings"] {
        let path = format!("{root}/{id}");
        for end in ["", "/media", "/download", "/delete"] {
            assert_eq!(
                other.get(&format!("{path}{end}")).await.status,
                404,
                "{end}"
            );
        }
        let media = format!("{path}/media");
        assert_eq!(
            other
                .upload(&media, "audio/wav", sound.clone())
                .await
                .status,
            404
        );
        assert_eq!(
            other
                .append(&media, "audio/wav", sound.clone())
                .await
                .status,
            404
        );
        assert_eq!(other.put(&path, json!({"name": "x"})).await.status, 404);
        assert_eq!(other.delete(&path).await.status, 404);
        assert_eq!(other.get(root).await.ok(), json!([]));
        assert!(owner.get(&media).await.body == sound);
    }
    let admin = server.admin().await;
    assert!(admin.get(&format!("/recordings/{id}/media")).await.body == sound);
}

#[tokio::test]
async fn recordings_are_filtered_as_documented() {
    let user = Server::shared().await.user(&["user"]).await;
    let id = recording(&user).await;
    let other = user
        .post("/recordings", json!({"name": "Other"}))
        .await
        .id("recording_id");
    for (query, expected) in [
        ("name=REET".to_owned(), vec![id]),
        ("description=d".to_owned(), vec![id]),
        ("type=WAV".to_owned(), vec![id, other]),
        ("type=mp3".to_owned(), vec![]),
        (format!("recording_id={other}"), vec![other]),
        ("sort=-name".to_owned(), vec![other, id]),
    ] {
        let rows = user.get(&format!("/recordings?{query}")).await.ok();
        let rows = rows.as_array().unwrap().iter();
        let ids: Vec<i64> = rows
            .filter_map(|row| row["recording_id"].as_i64())
            .collect();
        assert_eq!(ids, expected, "{query}");
    }
    assert_eq!(user.get("/recordings?length=long").await.status, 412);
}

#[tokio::test]
async fn a_recording_downloads_under_both_names_in_both_spellings() {
    let user = Server::shared().await.user(&["user"]).await;
    let id = recording(&user).await;
    let sound = wav(8_000, 1, 800);
    let path = format!("/recordings/{id}");
    user.upload(&format!("{path}/media"), "audio/wav", sound.clone())
        .await
        .ok();
    for path in [
        media(id),
        format!("/messages/recordings/{id}/download"),
        format!("{path}/media"),
        format!("{path}/download"),
    ] {
        let answer = user.get(&path).await;
        assert!(answer.body == sound, "{path}");
        let called = format!("attachment; filename=\"recording-{id}.wav\"");
        assert_eq!(answer.header("content-disposition"), Some(called.as_str()));
    }
    assert_eq!(user.delete(&path).await.ok(), json!({"recording_id": id}));
    assert_eq!(user.get(&media(id)).await.status, 404);
}
