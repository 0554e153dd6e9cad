//! Tests with the real programs; a test prints a message where LibreOffice is missing.

use std::{collections::HashMap, os::unix::fs::PermissionsExt};

use domain::{Id, outreach::Quality};

use super::*;
use crate::conversion::{Confinement, Limits};

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/files/documents/",
            $name
        ))
    };
}

const TWO_PAGES: &[u8] = file!("two-pages.tif");
const PNG: &[u8] = file!("transparent.png");
const JPEG: &[u8] = file!("photo.jpg");
const DOCX: &[u8] = file!("letter.docx");

/// A PDF of empty pages, without a cross-reference table: readers find the objects by a scan.
fn pdf(pages: usize) -> Vec<u8> {
    let mut kids = String::new();
    let mut objects = String::new();
    for page in 3..pages + 3 {
        kids.push_str(&format!("{page} 0 R "));
        objects.push_str(&format!(
            "{page} 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>\nendobj\n"
        ));
    }
    format!(
        "%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n\
         <</Type/Pages/Count {pages}/Kids[{kids}]>>\nendobj\n{objects}trailer\n<</Root 1 0 R>>\n%%EOF\n"
    )
    .into_bytes()
}

struct Shop {
    conversions: Conversions,
    most_pages: u32,
}

impl Shop {
    fn new() -> Self {
        Self {
            conversions: Conversions::find(Limits::default(), Confinement::none()),
            most_pages: 20,
        }
    }

    /// A shop with a script in place of LibreOffice.
    fn with_office(script: &str) -> (Self, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let office = folder.path().join("soffice");
        fs::write(&office, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&office, fs::Permissions::from_mode(0o700)).unwrap();
        let programs = [("gs", Program::Ghostscript), ("pdfinfo", Program::PdfInfo)];
        let mut found: HashMap<_, _> = programs
            .map(|(file, program)| (program, format!("/usr/bin/{file}").into()))
            .into();
        found.insert(Program::LibreOffice, office);
        let conversions = Conversions::with(Limits::default(), Confinement::none(), found);
        let shop = Self {
            conversions,
            most_pages: 20,
        };
        (shop, folder)
    }

    fn documents(&self) -> Documents<'_> {
        Documents {
            conversions: &self.conversions,
            most_pages: self.most_pages,
        }
    }

    /// Converts an upload; answers its kind, the number of pages, and the workroom.
    async fn convert(&self, bytes: &[u8]) -> Result<(Kind, u32, Workroom)> {
        let mut room = self.conversions.room(Id::new(1))?;
        fs::write(room.path(UPLOAD), bytes)?;
        let kind = self.documents().to_pdf(&mut room).await?;
        let pages = self
            .documents()
            .to_fax(&mut room, Quality::Standard)
            .await?;
        Ok((kind, pages, room))
    }

    async fn refusal(&self, bytes: &[u8]) -> String {
        match self.convert(bytes).await {
            Err(error) => error.to_string(),
            Ok((kind, pages, _)) => panic!("{} pages of {}", pages, kind.title()),
        }
    }
}

#[tokio::test]
async fn every_kind_of_file_becomes_pages() {
    let shop = Shop::new();
    let cases: [(&[u8], Kind, u32); 4] = [
        (&pdf(3), Kind::Pdf, 3),
        (TWO_PAGES, Kind::Tiff, 2),
        (PNG, Kind::Png, 1),
        (JPEG, Kind::Jpeg, 1),
    ];
    for (bytes, kind, pages) in cases {
        let (found, drawn, room) = shop.convert(bytes).await.unwrap();
        assert_eq!((found, drawn), (kind, pages));
        assert!(fs::read(room.path(PDF)).unwrap().starts_with(b"%PDF-"));
        assert!(fs::read(room.path(FAX)).unwrap().starts_with(b"II*\0"));
    }
}

/// The width and height of a TIFF's first page, in dots.
fn dots(fax: &[u8]) -> (u32, u32) {
    let number = |at: usize, length: usize| {
        let bytes = fax[at..at + length].iter().rev();
        bytes.fold(0_u32, |number, byte| number << 8 | u32::from(*byte))
    };
    let at = number(4, 4) as usize;
    let fields = (0..number(at, 2) as usize).map(|field| at + 2 + 12 * field);
    let find = |tag: u32| {
        let field = fields
            .clone()
            .find(|field| number(*field, 2) == tag)
            .unwrap();
        number(field + 8, if number(field + 2, 2) == 3 { 2 } else { 4 })
    };
    (find(256), find(257))
}

#[tokio::test]
async fn a_quality_is_a_resolution() {
    let shop = Shop::new();
    let mut room = shop.conversions.room(Id::new(1)).unwrap();
    fs::write(room.path(UPLOAD), pdf(1)).unwrap();
    shop.documents().to_pdf(&mut room).await.unwrap();
    let mut sizes = Vec::new();
    for quality in Quality::ALL {
        shop.documents().to_fax(&mut room, quality).await.unwrap();
        sizes.push(dots(&fs::read(room.path(FAX)).unwrap()));
    }
    // Lines of fax machines have 1728 dots; Ghostscript renders them so at 204 dots per inch.
    assert_eq!(
        sizes,
        [
            (826, 1146),
            (1728, 1146),
            (1728, 2292),
            (1728, 4573),
            (2479, 3508),
            (3372, 4573)
        ]
    );
}

#[tokio::test]
async fn pages_are_added_behind_those_there_are() {
    let shop = Shop::new();
    let (.., mut room) = shop.convert(PNG).await.unwrap();
    fs::write(room.path(BEFORE), pdf(2)).unwrap();
    shop.documents().add_before(&mut room).await.unwrap();
    let pages = shop
        .documents()
        .to_fax(&mut room, Quality::Fine)
        .await
        .unwrap();
    assert_eq!(pages, 3);
    fs::write(room.path(BEFORE), pdf(18)).unwrap();
    let refused = shop.documents().add_before(&mut room).await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        "has 21 pages; at most 20 are taken"
    );
}

#[tokio::test]
async fn what_is_not_what_it_claims_is_refused_with_the_reason() {
    let shop = Shop::new();
    let mut polyglot = b"%!PS\nshowpage quit\n".to_vec();
    polyglot.extend(pdf(1));
    let jpeg_early = &JPEG[..JPEG.len() / 2];
    let cases: &[(&[u8], &str)] = &[
        (b"%!PS\nshowpage", "not a kind of file that can be faxed"),
        (&polyglot, "not a kind of file that can be faxed"),
        (b"hello", "not a kind of file that can be faxed"),
        (&[0; 4096], "not a kind of file that can be faxed"),
        (b"%PDF-1.4\n%%EOF", "cannot be read as PDF"),
        (&pdf(21), "has 21 pages; at most 20 are taken"),
        (&pdf(10_000), "has 10000 pages; at most 20 are taken"),
        (file!("encrypted.pdf"), "is encrypted"),
        (file!("protected.pdf"), "is encrypted"),
        (
            &TWO_PAGES[..TWO_PAGES.len() / 2],
            "is a TIFF that ends early",
        ),
        (&TWO_PAGES[..6], "is a TIFF that ends early"),
        (&PNG[..PNG.len() / 2], "is a PNG that ends early"),
        (jpeg_early, "is a JPEG that ends early"),
        (&JPEG[..30], "is a JPEG that ends early"),
        (&JPEG[..3], "is a JPEG that ends early"),
        (
            file!("bomb.png"),
            "has an image of 60000 by 60000 pixels; 80000000 in all are taken",
        ),
        (
            b"PK\x03\x04 and no more",
            "is a ZIP file that ends early or is damaged",
        ),
        (
            &DOCX[..DOCX.len() - 40],
            "is a ZIP file that ends early or is damaged",
        ),
    ];
    for (bytes, reason) in cases {
        let begin = String::from_utf8_lossy(&bytes[..bytes.len().min(20)]);
        assert_eq!(shop.refusal(bytes).await, *reason, "{begin:?}");
    }
}

#[tokio::test]
async fn a_pdf_without_pages_is_refused() {
    // Versions of Poppler differ in whether they accept it as a PDF.
    let said = Shop::new().refusal(&pdf(0)).await;
    assert!(
        ["has no pages", "cannot be read as PDF"].contains(&said.as_str()),
        "{said}"
    );
}

#[tokio::test]
async fn a_tiff_whose_pages_go_round_in_a_circle_is_refused() {
    let mut circle = b"II*\0\x08\0\0\0".to_vec();
    let fields: [(u16, u32); 4] = [(256, 1), (257, 1), (273, 8), (279, 1)];
    circle.extend(4_u16.to_le_bytes());
    for (tag, value) in fields {
        circle.extend(tag.to_le_bytes());
        circle.extend(4_u16.to_le_bytes());
        circle.extend(1_u32.to_le_bytes());
        circle.extend(value.to_le_bytes());
    }
    circle.extend(8_u32.to_le_bytes());
    assert_eq!(Shop::new().refusal(&circle).await, "cannot be read as TIFF");
}

/// A ZIP that consists of a central directory only: `count` files of `size` bytes.
fn zip(count: u16, size: u32) -> Vec<u8> {
    let mut zip = b"PK\x03\x04".to_vec();
    for _ in 0..count {
        zip.extend(b"PK\x01\x02");
        zip.extend([0; 20]);
        zip.extend(size.to_le_bytes());
        zip.extend(17_u16.to_le_bytes());
        zip.extend([0; 16]);
        zip.extend(b"word/document.xml");
    }
    let length = zip.len() as u32 - 4;
    zip.extend(b"PK\x05\x06\0\0\0\0");
    zip.extend(count.to_le_bytes());
    zip.extend(count.to_le_bytes());
    zip.extend(length.to_le_bytes());
    zip.extend(4_u32.to_le_bytes());
    zip.extend([0; 2]);
    zip
}

#[tokio::test]
async fn an_office_file_that_unpacks_to_too_much_is_not_unpacked() {
    let (shop, _folder) = Shop::with_office("exit 1");
    let too_much = "unpacks to more than 4096 files or 256 MiB";
    assert_eq!(shop.refusal(&zip(1, 400 << 20)).await, too_much);
    assert_eq!(shop.refusal(&zip(300, 1 << 20)).await, too_much);
    assert_eq!(shop.refusal(&zip(5000, 1)).await, too_much);
    assert_eq!(
        shop.refusal(&zip(1, 1000)).await,
        "cannot be read as an office document"
    );
    let mut fewer_said = zip(5000, 1);
    let count = fewer_said.len() - 12;
    fewer_said[count..count + 2].copy_from_slice(&1_u16.to_le_bytes());
    assert_eq!(shop.refusal(&fewer_said).await, too_much);
}

#[tokio::test]
async fn an_office_document_goes_through_libreoffice() {
    let shop = Shop::new();
    match shop.conversions.need(&[Program::LibreOffice]) {
        Ok(()) => {
            let (kind, pages, _) = shop.convert(DOCX).await.unwrap();
            assert_eq!((kind, pages), (Kind::Docx, 1));
        }
        Err(missing) => {
            eprintln!("not tried: {missing}");
            assert_eq!(
                shop.refusal(DOCX).await,
                "LibreOffice (soffice) is not installed"
            );
        }
    }
}

#[tokio::test]
async fn libreoffice_is_told_to_run_and_fetch_nothing() {
    let minimal = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n\
        2 0 obj<</Type/Pages/Count 1/Kids[3 0 R]>>endobj\n\
        3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\ntrailer<</Root 1 0 R>>";
    let (shop, _folder) = Shop::with_office(&format!(
        "echo \"$@\" > arguments; cat > upload.pdf <<'END'\n{minimal}\nEND"
    ));
    let (kind, pages, room) = shop.convert(DOCX).await.unwrap();
    assert_eq!((kind, pages), (Kind::Docx, 1));
    let arguments = fs::read_to_string(room.path("arguments")).unwrap();
    let home = room.path("profile");
    let expected = format!(
        "-env:UserInstallation=file://{} --headless --norestore --nologo --nodefault \
         --convert-to pdf --outdir . upload.docx\n",
        home.display()
    );
    assert_eq!(arguments, expected);
    let settings = fs::read_to_string(home.join("user/registrymodifications.xcu")).unwrap();
    for setting in ["DisableMacrosExecution", "BlockUntrustedRefererLinks"] {
        assert!(settings.contains(setting), "{setting}");
    }
}

#[tokio::test]
async fn libreoffice_that_makes_nothing_has_not_read_it() {
    let (shop, _folder) = Shop::with_office("exit 0");
    assert_eq!(
        shop.refusal(DOCX).await,
        "cannot be read as an office document"
    );
}

#[tokio::test]
async fn pages_that_are_many_times_the_same_are_drawn_as_often_as_said() {
    // One page object, thirty times in the page tree, whose count says one.
    let text = String::from_utf8(pdf(1)).unwrap();
    let kids = "3 0 R ".repeat(30);
    let lying = text.replace("/Kids[3 0 R ]", &format!("/Kids[{kids}]"));
    let (_, pages, _) = Shop::new().convert(lying.as_bytes()).await.unwrap();
    assert_eq!(pages, 1);
}
