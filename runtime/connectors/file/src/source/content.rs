//! What is in a file: its bytes, decompressed.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::read::MultiGzDecoder;

const BUFFER: usize = 256 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compression {
    None,
    Gzip,
    Zstd,
}

/// Opens a file at an offset of its decompressed content; `None` if that is shorter.
pub(super) fn open(path: &Path, offset: u64) -> io::Result<Option<Box<dyn Read + Send>>> {
    let mut file = File::open(path)?;
    let compression = compression(path, &mut file)?;
    if compression == Compression::None {
        if file.metadata()?.len() < offset {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(offset))?;
        // The framer takes large pieces: another buffer would only copy.
        return Ok(Some(Box::new(file)));
    }
    file.rewind()?;
    let file = BufReader::with_capacity(BUFFER, file);
    let mut content: Box<dyn Read + Send> = match compression {
        // A file of several members, one after the other, is one content.
        Compression::Gzip => Box::new(MultiGzDecoder::new(file)),
        _ => Box::new(zstd::stream::read::Decoder::with_buffer(file)?),
    };
    let skipped = io::copy(&mut content.by_ref().take(offset), &mut io::sink())?;
    Ok((skipped == offset).then_some(content))
}

/// By the first bytes, or else by the name: a `.gz` that is none is an error, not text.
fn compression(path: &Path, file: &mut File) -> io::Result<Compression> {
    let mut magic = Vec::with_capacity(4);
    file.take(4).read_to_end(&mut magic)?;
    if magic.is_empty() {
        return Ok(Compression::None);
    }
    if magic.starts_with(&[0x1f, 0x8b]) {
        return Ok(Compression::Gzip);
    }
    if magic == [0x28, 0xb5, 0x2f, 0xfd] {
        return Ok(Compression::Zstd);
    }
    Ok(
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("gz") => Compression::Gzip,
            Some("zst") => Compression::Zstd,
            _ => Compression::None,
        },
    )
}
