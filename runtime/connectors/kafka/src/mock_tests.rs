//! Errors that a real broker does not give on demand: librdkafka's mock cluster does.
//!
//! It keeps what was aborted in sight, so that here only what was never aborted is there once.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, BinaryArray, RecordBatch};
use azud_connect::{Output, Recorded, Recovery, Sink, SinkContext, SinkWriter};
use azud_model::{Batch, Epoch, Error, ErrorKind, Mode, Result, SystemClock};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::mocking::{MockCluster, MockCoordinator};
use rdkafka::producer::DefaultProducerContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::{RDKafkaApiKey as Api, RDKafkaRespErr as Answer};
use serde_json::json;

use crate::{make_sink, native};

/// How often an epoch is passed on before that is called for ever.
const ATTEMPTS: usize = 10;

/// No attempt takes longer, however busy the machine.
const LONGEST: Duration = Duration::from_secs(100);

type Mock = MockCluster<'static, DefaultProducerContext>;

/// A sink of a topic at a cluster that makes mistakes.
struct Passing {
    mock: Mock,
    sink: Arc<dyn Sink>,
    writer: Option<Box<dyn SinkWriter>>,
}

// === impl Passing ===

impl Passing {
    async fn new() -> Self {
        Self::at(MockCluster::new(1).unwrap()).await
    }

    async fn at(mock: Mock) -> Self {
        mock.create_topic("t", 1, 1).unwrap();
        let passing = Self {
            sink: sink(&mock),
            mock,
            writer: None,
        };
        passing.recover(None).await.unwrap();
        passing
    }

    /// Another process, after so many epochs.
    async fn again(&mut self, epochs: u64) -> Result<()> {
        self.writer = None;
        self.sink = sink(&self.mock);
        self.recover(epochs.checked_sub(1)).await
    }

    async fn recover(&self, last: Option<u64>) -> Result<()> {
        let recovery = Recovery {
            run: "run".to_owned(),
            generation: 0,
            epoch: None,
            last: last.map(|number| Recorded {
                epoch: epoch(number),
                prepared: Vec::new(),
            }),
            allow_reset: false,
        };
        self.sink.recover(&recovery).await
    }

    /// What the spool does with an epoch, once.
    async fn attempt(&mut self, number: u64, rows: &[&str]) -> Result<()> {
        let values: ArrayRef = Arc::new(BinaryArray::from_iter_values(rows));
        let batch = RecordBatch::try_from_iter([("value", values)]).unwrap();
        let mut own = match self.writer.take() {
            Some(own) => own,
            None => self.sink.writer(0, batch.schema()).await?,
        };
        let epoch = epoch(number);
        own.write(Output::Rows(Batch::without_origin(batch)))
            .await?;
        let prepared = own.prepare(&epoch).await?;
        self.sink.commit(&epoch, vec![prepared]).await?;
        self.writer = Some(own);
        Ok(())
    }

    /// The same, until it is done; answers how many attempts failed.
    async fn pass_on(&mut self, number: u64, rows: &[&str]) -> Result<usize> {
        for failed in 0..ATTEMPTS {
            let Err(error) = self.attempt(number, rows).await else {
                return Ok(failed);
            };
            let _ = self.sink.abort().await;
            if error.kind() != ErrorKind::Unavailable {
                return Err(error);
            }
        }
        panic!("epoch {number} is never passed on");
    }

    fn values(&self) -> Vec<String> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.mock.bootstrap_servers())
            .set("group.id", "reader")
            .set("enable.partition.eof", "true")
            .create()
            .unwrap();
        let mut all = TopicPartitionList::new();
        all.add_partition_offset("t", 0, Offset::Beginning).unwrap();
        consumer.assign(&all).unwrap();
        let mut values = Vec::new();
        while let Some(Ok(message)) = consumer.poll(Duration::from_secs(10)) {
            values.push(String::from_utf8(message.payload().unwrap().to_vec()).unwrap());
        }
        values
    }
}

fn sink(mock: &Mock) -> Arc<dyn Sink> {
    let options = json!({
        "servers": mock.bootstrap_servers(),
        "topic": "t",
        "delivery": "exactly-once",
    });
    let context = SinkContext {
        pipeline: "mocked".to_owned(),
        node: "out".to_owned(),
        directory: ".".into(),
        lanes: 1,
        mode: Mode::Append,
        format: "json".to_owned(),
        header: Vec::new(),
        checkpointed: true,
        group: None,
        clock: Arc::new(SystemClock::new()),
    };
    make_sink(options, context).unwrap()
}

fn epoch(number: u64) -> Epoch {
    Epoch {
        number,
        time_ms: 0,
        input_rows: 1,
        last: false,
    }
}

#[test]
fn a_consumer_that_has_not_joined_its_group_has_no_id() {
    let mock: Mock = MockCluster::new(1).unwrap();
    mock.create_topic("t", 1, 1).unwrap();
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", mock.bootstrap_servers())
        .set("group.id", "members")
        .create()
        .unwrap();
    assert_eq!(native::member_id(consumer.client()), None);
    consumer.subscribe(&["t"]).unwrap();
    while consumer.assignment().unwrap().count() == 0 {
        consumer.poll(Duration::from_millis(50));
    }
    assert!(native::member_id(consumer.client()).is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offsets_that_cannot_be_told_are_not_taken_for_none() {
    use Answer::RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT as UNSTABLE;
    let mut passing = Passing::new().await;
    passing.pass_on(0, &["a"]).await.unwrap();
    // As often as librdkafka asks, and more.
    let errors = [UNSTABLE; 100];
    passing.mock.request_errors(Api::OffsetFetch, &errors);
    let error = passing.again(1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    passing.mock.clear_request_errors(Api::OffsetFetch);
    passing.again(1).await.unwrap();
    passing.pass_on(1, &["b"]).await.unwrap();
    assert_eq!(passing.values(), ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_be_tried_again_is_by_the_producer_itself() {
    use Answer::{
        RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS as CONCURRENT,
        RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS as LOADING,
        RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE as AWAY,
        RD_KAFKA_RESP_ERR_NOT_COORDINATOR as MOVED,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS as REPLICAS,
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION as LEADER,
        RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT as LATE,
    };
    let mut passing = Passing::new().await;
    passing.pass_on(0, &["first"]).await.unwrap();
    let cases: [(Api, &[Answer]); 7] = [
        (Api::FindCoordinator, &[AWAY, AWAY]),
        (Api::AddPartitionsToTxn, &[CONCURRENT, LOADING, MOVED]),
        (Api::Produce, &[REPLICAS, LEADER, LATE]),
        (Api::AddOffsetsToTxn, &[LOADING, AWAY]),
        (Api::TxnOffsetCommit, &[LOADING, AWAY]),
        (Api::EndTxn, &[LOADING, MOVED, AWAY]),
        (Api::Metadata, &[LEADER]),
    ];
    let mut expected = vec!["first".to_owned()];
    for (number, (api, answers)) in (1..).zip(cases) {
        passing.mock.request_errors(api, answers);
        let row = format!("{api:?}");
        let failed = passing.pass_on(number, &[&row]).await;
        assert_eq!(
            failed.map_err(|error: Error| error.to_string()),
            Ok(0),
            "{row}"
        );
        expected.push(row);
    }
    assert_eq!(passing.values(), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_coordinator_has_ended_is_passed_on_again() {
    use Answer::{
        RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH as EPOCH,
        RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING as MAPPING,
        RD_KAFKA_RESP_ERR_PRODUCER_FENCED as FENCED, RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID as GONE,
    };
    let cases = [
        (Api::EndTxn, EPOCH),
        (Api::EndTxn, FENCED),
        (Api::EndTxn, MAPPING),
        (Api::AddOffsetsToTxn, FENCED),
        (Api::AddPartitionsToTxn, MAPPING),
        (Api::TxnOffsetCommit, EPOCH),
        (Api::Produce, EPOCH),
        (Api::Produce, GONE),
    ];
    for (api, answer) in cases {
        let mut passing = Passing::new().await;
        passing.pass_on(0, &["before"]).await.unwrap();
        passing.mock.request_errors(api, &[answer]);
        let failed = passing.pass_on(1, &["a", "b"]).await;
        let failed = failed.unwrap_or_else(|error| panic!("{api:?} {answer:?}: {error}"));
        passing.pass_on(2, &["after"]).await.unwrap();
        let values = passing.values();
        let ended = values.ends_with(&["a", "b", "after"].map(str::to_owned));
        assert!(
            ended,
            "{api:?} {answer:?}, failed {failed} times: {values:?}"
        );
        assert!(failed <= 2, "{api:?} {answer:?}: {failed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_broker_is_waited_for() {
    let mut passing = Passing::new().await;
    let slow = Duration::from_millis(700);
    passing.mock.broker_round_trip_time(1, slow).unwrap();
    let failed = passing.pass_on(0, &["a", "b"]).await;
    assert_eq!(failed.map_err(|error| error.to_string()), Ok(0));
    passing
        .mock
        .broker_round_trip_time(1, Duration::ZERO)
        .unwrap();
    assert_eq!(passing.values(), ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coordinator_that_is_gone_is_not_waited_for_without_end() {
    let mock: Mock = MockCluster::new(3).unwrap();
    let group = || MockCoordinator::Group("mocked-out-epochs".to_owned());
    let transactions = MockCoordinator::Transaction("mocked-out".to_owned());
    mock.coordinator(transactions, 1).unwrap();
    mock.coordinator(group(), 2).unwrap();
    let mut passing = Passing::at(mock).await;
    passing.mock.partition_leader("t", 0, Some(1)).unwrap();
    passing.pass_on(0, &["a"]).await.unwrap();
    passing.mock.broker_down(2).unwrap();
    let attempt = tokio::time::timeout(LONGEST, passing.attempt(1, &["b"])).await;
    let error = attempt.expect("the call never came back").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    passing.mock.coordinator(group(), 3).unwrap();
    passing.pass_on(1, &["b"]).await.unwrap();
    passing.pass_on(2, &["c"]).await.unwrap();
    passing.mock.broker_up(2).unwrap();
    let mut values = passing.values();
    // What was aborted is in sight here.
    values.dedup();
    assert_eq!(values, ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_never_be_written_says_why() {
    use Answer::{
        RD_KAFKA_RESP_ERR_INVALID_RECORD as RECORD, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE as LARGE,
        RD_KAFKA_RESP_ERR_PRODUCER_FENCED as FENCED,
        RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED as TOPIC,
        RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED as TRANSACTION,
    };
    type Answers<'a> = &'a [(Api, Answer)];
    let cases: [(Answers<'_>, &str); 4] = [
        (
            &[(Api::Produce, LARGE)],
            "larger than the topic's `max.message.bytes`",
        ),
        (
            &[(Api::Produce, RECORD)],
            "does a compacted topic get one without a key",
        ),
        (
            &[(Api::Produce, TOPIC)],
            "no permission for the topic (its ACL)",
        ),
        // A right that was taken away is noticed when the producer is made anew.
        (
            &[(Api::EndTxn, FENCED), (Api::InitProducerId, TRANSACTION)],
            "no permission for the transactional id (its ACL)",
        ),
    ];
    for (answers, why) in cases {
        let mut passing = Passing::new().await;
        for (api, answer) in answers {
            passing.mock.request_errors(*api, &[*answer]);
        }
        let passed = passing.pass_on(0, &["a"]).await;
        let error = passed.expect_err(why);
        assert!(error.to_string().contains(why), "{error}");
    }
}
