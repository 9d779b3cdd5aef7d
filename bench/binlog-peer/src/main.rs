//! Native readers of binary logs, as `npm run bench -- binlog` times them: `binlog-peer events|rows|cells FILE`.
//! events: mysql_common, every event read, GTIDs parsed, rows left alone.
//! rows: mysql_common, every row of plain and compressed transactions as values. It compares no checksum by itself, and neither is one compared here.
//! cells: mysql-binlog-connector-rust, every row of plain transactions as values; JSON stays binary. From memory: it seeks after each event, which empties
//! a buffered reader.
use mysql_binlog_connector_rust::{binlog_error::BinlogError, binlog_parser::BinlogParser, event::event_data::EventData as Parsed};
use mysql_common::binlog::events::{Event, EventData};
use mysql_common::binlog::{consts::BinlogVersion, BinlogFile, EventStreamReader};
use std::{collections::HashMap, env, error::Error, fs, fs::File, hint::black_box, io::BufReader, io::Cursor};

type Outcome = Result<(u64, u64), Box<dyn Error>>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().collect();
    let name = &arguments[2];
    let open = || File::open(name).map(|file| BufReader::with_capacity(1 << 20, file));
    let (events, images) = match arguments[1].as_str() {
        "events" => events(open()?)?,
        "rows" => rows(open()?)?,
        _ => cells(Cursor::new(fs::read(name)?))?,
    };
    println!("{{\"events\":{events},\"images\":{images}}}");
    Ok(())
}

fn events(file: BufReader<File>) -> Outcome {
    let mut events = 0;
    for event in BinlogFile::new(BinlogVersion::Version4, file)? {
        let event = event?;
        events += 1;
        if (33..=34).contains(&event.header().event_type_raw()) {
            black_box(event.read_data()?);
        }
    }
    Ok((events, 0))
}

fn rows(file: BufReader<File>) -> Outcome {
    let mut log = BinlogFile::new(BinlogVersion::Version4, file)?;
    let (mut events, mut images) = (0, 0);
    while let Some(event) = log.next() {
        let event = event?;
        events += 1;
        if let Some(EventData::TransactionPayloadEvent(payload)) = event.read_data()? {
            let mut inner = payload.decompressed()?;
            while let Some(event) = log.reader_mut().read_decompressed(&mut inner)? {
                images += images_of(&event, log.reader())?;
            }
        } else {
            images += images_of(&event, log.reader())?;
        }
    }
    Ok((events, images))
}

fn images_of(event: &Event, reader: &EventStreamReader) -> Result<u64, Box<dyn Error>> {
    let Some(EventData::RowsEvent(data)) = event.read_data()? else { return Ok(0) };
    let table = reader.get_tme(data.table_id()).ok_or("a row event without its table map")?;
    let mut images = 0;
    for row in data.rows(table) {
        let (before, after) = row?;
        images += u64::from(before.is_some()) + u64::from(after.is_some());
        black_box((before, after));
    }
    Ok(images)
}

fn cells(mut file: Cursor<Vec<u8>>) -> Outcome {
    let mut parser = BinlogParser { checksum_length: 4, table_map_event_by_table_id: HashMap::new() };
    parser.check_magic(&mut file)?;
    let (mut events, mut images) = (0, 0);
    loop {
        match parser.next(&mut file) {
            Ok((_, data)) => {
                events += 1;
                images += match &data {
                    Parsed::WriteRows(e) => e.rows.len(),
                    Parsed::UpdateRows(e) => 2 * e.rows.len(),
                    Parsed::DeleteRows(e) => e.rows.len(),
                    _ => 0,
                } as u64;
                black_box(data);
            }
            Err(BinlogError::IoError(_)) => return Ok((events, images)),
            Err(e) => return Err(format!("{e:?}").into()),
        }
    }
}
