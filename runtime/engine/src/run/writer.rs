//! The task of one sink writer: takes a lane's rows, prepares them at the end of an epoch.

use azud_connect::{SinkWriter, fault_point};
use azud_model::{Error, ErrorKind, Result};
use tokio::sync::mpsc;

use super::message::{Event, SinkMessage};
use super::retry::Retry;

/// How many pieces of output may wait for a writer.
pub(super) const OUTPUTS_AHEAD: usize = 4;

/// Everything that a writer's task owns.
pub(super) struct WriterTask {
    /// Number of the sink.
    pub(super) sink: usize,
    /// Number of the lane.
    pub(super) lane: usize,
    /// `sink out`, for messages.
    pub(super) name: String,
    /// The connector's part.
    pub(super) writer: Box<dyn SinkWriter>,
    /// From the lane.
    pub(super) outputs: mpsc::Receiver<SinkMessage>,
    /// To the coordinator.
    pub(super) events: mpsc::Sender<Event>,
}

// === impl WriterTask ===

impl WriterTask {
    /// Runs until the last epoch is prepared, a failure, or the lane is gone.
    pub(super) async fn run(mut self) {
        if let Err(error) = self.epochs().await
            && error.kind() != ErrorKind::Closed
        {
            let failed = Event::Failed(error.within(&self.name));
            // If nobody listens, the pipeline is already stopping.
            let _ = self.events.send(failed).await;
        }
    }

    async fn epochs(&mut self) -> Result<()> {
        while let Some(message) = self.outputs.recv().await {
            match message {
                SinkMessage::Output(output) => {
                    let mut retry = Retry::new(&self.name);
                    while let Err(error) = self.writer.write(output.clone()).await {
                        retry.after(error).await?;
                    }
                    fault_point("after-sink-write");
                }
                SinkMessage::EpochEnd(epoch) => {
                    let mut retry = Retry::new(&self.name);
                    let mut prepared = loop {
                        match self.writer.prepare(&epoch).await {
                            Ok(prepared) => break prepared,
                            Err(error) => retry.after(error).await?,
                        }
                    };
                    prepared.lane = self.lane;
                    let event = Event::Prepared {
                        sink: self.sink,
                        prepared,
                    };
                    let sent = self.events.send(event).await;
                    sent.map_err(|_| Error::closed("the coordinator is gone"))?;
                    if epoch.last {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }
}
