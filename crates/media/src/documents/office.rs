//! Office documents: detection of their kind, bounds on their unpacked size, and conversion to
//! PDF.

use std::{fs, path::Path};

use super::{DocumentError, Kind, PDF, Result, UPLOAD, file};
use crate::conversion::{Program, Workroom};

/// Bound on the files in a document.
const MOST_ENTRIES: usize = 4096;
/// Bound on the unpacked bytes of all its files.
const MOST_UNPACKED: u64 = 256 << 20;

/// LibreOffice's settings: it runs nothing in a document and fetches nothing that a document
/// links. Without them LibreOffice 7.4 requests linked pictures from foreign servers.
const SETTINGS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop oor:name="DisableMacrosExecution" oor:op="fuse"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop oor:name="MacroSecurityLevel" oor:op="fuse"><value>3</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop oor:name="BlockUntrustedRefererLinks" oor:op="fuse"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop oor:name="DisableActiveContent" oor:op="fuse"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Writer/Content/Update"><prop oor:name="Link" oor:op="fuse"><value>0</value></prop></item>
<item oor:path="/org.openoffice.Office.Calc/Content/Update"><prop oor:name="Link" oor:op="fuse"><value>2</value></prop></item>
</oor:items>
"#;

/// Converts the upload to PDF by LibreOffice.
pub(super) async fn to_pdf(room: &mut Workroom, kind: Kind) -> Result<()> {
    let named = format!("{UPLOAD}.{}", kind.extension());
    fs::rename(room.path(UPLOAD), room.path(&named))?;
    let profile = room.path("profile");
    let profile_inside = room.path_inside("profile");
    fs::create_dir_all(profile.join("user"))?;
    fs::write(profile.join("user/registrymodifications.xcu"), SETTINGS)?;
    let installation = format!("-env:UserInstallation=file://{}", profile_inside.display());
    let arguments = [
        installation.as_str(),
        "--headless",
        "--norestore",
        "--nologo",
        "--nodefault",
        "--convert-to",
        "pdf",
        "--outdir",
        ".",
        &named,
    ];
    let done = room.run(Program::LibreOffice, arguments).await?;
    let made = room.path(&format!("{UPLOAD}.pdf"));
    // LibreOffice, too, reports success for files that it could not read.
    if done.success() && made.exists() {
        Ok(fs::rename(made, room.path(PDF))?)
    } else {
        Err(DocumentError::unreadable(kind))
    }
}

/// The kind of office document that a ZIP is.
pub(super) fn kind_of_zip(path: &Path, head: &[u8]) -> Result<Option<Kind>> {
    let Some(bytes) = file::read(path)? else {
        return Err(DocumentError::unfit("is too large for an office document"));
    };
    let Some(entries) = entries(&bytes)? else {
        return Err(DocumentError::unfit(
            "is a ZIP file that ends early or is damaged",
        ));
    };
    let has = |name: &str| entries.contains(&name.as_bytes());
    let open = |kind: &str| {
        contains(
            head,
            format!("mimetypeapplication/vnd.oasis.opendocument.{kind}").as_bytes(),
        )
    };
    let kinds = [
        (has("word/document.xml"), Kind::Docx),
        (has("xl/workbook.xml"), Kind::Xlsx),
        (has("ppt/presentation.xml"), Kind::Pptx),
        (open("text"), Kind::Odt),
        (open("spreadsheet"), Kind::Ods),
        (open("presentation"), Kind::Odp),
    ];
    let kind = kinds.into_iter().find(|(is, _)| *is);
    Ok(kind.map(|(_, kind)| kind))
}

/// The names in a ZIP's central directory; none if there is none or it is damaged. Refuses
/// archives beyond [`MOST_ENTRIES`] or [`MOST_UNPACKED`].
fn entries(bytes: &[u8]) -> Result<Option<Vec<&[u8]>>> {
    // The end record is followed by a comment of at most 64 KiB.
    let tail = bytes.len().saturating_sub(22 + 0xffff);
    let end = bytes[tail..]
        .windows(4)
        .rposition(|four| four == b"PK\x05\x06");
    let Some(end) = end.map(|end| tail + end) else {
        return Ok(None);
    };
    let (Some(count), Some(mut at)) = (number(bytes, end + 10, 2), number(bytes, end + 16, 4))
    else {
        return Ok(None);
    };
    let too_much = || {
        DocumentError::unfit(format!(
            "unpacks to more than {MOST_ENTRIES} files or {} MiB",
            MOST_UNPACKED >> 20
        ))
    };
    if count > MOST_ENTRIES {
        return Err(too_much());
    }
    let (mut names, mut unpacked) = (Vec::new(), 0_u64);
    while bytes.get(at..at + 4) == Some(b"PK\x01\x02") {
        let fields = [(24, 4), (28, 2), (30, 2), (32, 2)];
        let [Some(size), Some(name), Some(extra), Some(comment)] =
            fields.map(|(offset, length)| number(bytes, at + offset, length))
        else {
            return Ok(None);
        };
        unpacked = unpacked.saturating_add(size as u64);
        let Some(name_bytes) = bytes.get(at + 46..at + 46 + name) else {
            return Ok(None);
        };
        names.push(name_bytes);
        // Checked on the actual entries, since the count in the end record may be wrong.
        if names.len() > MOST_ENTRIES || unpacked > MOST_UNPACKED {
            return Err(too_much());
        }
        at += 46 + name + extra + comment;
    }
    Ok((names.len() == count).then_some(names))
}

fn number(bytes: &[u8], at: usize, length: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(length)?)?;
    let number = bytes
        .iter()
        .rev()
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    usize::try_from(number).ok()
}

/// The kind of an office document in the older OLE format, by the names of its streams, which
/// are in UTF-16.
pub(super) fn kind_of_ole(path: &Path) -> Result<Option<Kind>> {
    let Some(bytes) = file::read(path)? else {
        return Err(DocumentError::unfit("is too large for an office document"));
    };
    let holds = |name: &str| {
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        contains(&bytes, &name)
    };
    if holds("EncryptedPackage") {
        return Err(DocumentError::unfit("is encrypted"));
    }
    let kinds = [
        ("WordDocument", Kind::Doc),
        ("Workbook", Kind::Xls),
        ("PowerPoint Document", Kind::Ppt),
    ];
    let kind = kinds.into_iter().find(|(name, _)| holds(name));
    Ok(kind.map(|(_, kind)| kind))
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
