//! What the `rdkafka` crate does not give, asked of librdkafka itself.
//!
//! Topic ids (`rd_kafka_DescribeTopics`), the id of a member, the known ends of partitions, a flush
//! that does not wait for `linger.ms`, and names of headers that are not UTF-8, over which the
//! crate panics.

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char};
use std::ptr;
use std::time::Duration;

use rdkafka::bindings as native;
use rdkafka::client::{Client, ClientContext};
use rdkafka::message::{BorrowedHeaders, Headers};

/// The ids of those topics that are there, as Kafka prints them; `None` where the brokers cannot
/// tell in time. Blocks.
#[expect(unsafe_code, reason = "the crate has no call for it")]
pub(crate) fn topic_ids<C: ClientContext>(
    client: &Client<C>,
    topics: &[&str],
    timeout: Duration,
) -> Option<HashMap<String, String>> {
    let names: Vec<CString> = topics
        .iter()
        .filter_map(|topic| CString::new(*topic).ok())
        .collect();
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    let milliseconds = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    let mut ids = HashMap::new();
    // SAFETY: every pointer is either borrowed from `names`, which live to the end, or made here
    // and destroyed here; what is read of the event is copied before that.
    unsafe {
        let handle = client.native_ptr();
        let asked =
            native::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        let queue = native::rd_kafka_queue_new(handle);
        native::rd_kafka_DescribeTopics(handle, asked, ptr::null(), queue);
        let event = native::rd_kafka_queue_poll(queue, milliseconds);
        native::rd_kafka_TopicCollection_destroy(asked);
        let result = match event.is_null() {
            true => ptr::null(),
            false => native::rd_kafka_event_DescribeTopics_result(event),
        };
        let is_known = !result.is_null()
            && native::rd_kafka_event_error(event)
                == native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
        if is_known {
            let mut count = 0;
            let all = native::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
            for index in 0..count {
                let topic = *all.add(index);
                let error = native::rd_kafka_TopicDescription_error(topic);
                let code = native::rd_kafka_error_code(error);
                if code != native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                    continue;
                }
                let name = native::rd_kafka_TopicDescription_name(topic);
                let id = native::rd_kafka_TopicDescription_topic_id(topic);
                let id = native::rd_kafka_Uuid_base64str(id);
                let text = |text| CStr::from_ptr(text).to_string_lossy().into_owned();
                ids.insert(text(name), text(id));
            }
        }
        if !event.is_null() {
            native::rd_kafka_event_destroy(event);
        }
        native::rd_kafka_queue_destroy(queue);
        is_known.then_some(ids)
    }
}

/// The id by which a group knows a consumer; `None` while it is no member, or none any more. One that
/// was put out and has joined again has another.
///
/// Positions of a consumer without one are those of a producer that knows of no group: brokers take
/// them from everybody (KIP-447), also while the partitions are another member's.
#[expect(unsafe_code, reason = "the crate does not show it")]
pub(crate) fn member_id<C: ClientContext>(client: &Client<C>) -> Option<String> {
    // SAFETY: what is asked for is made here, and destroyed here; the id is copied before that.
    let (id, generation) = unsafe {
        let metadata = native::rd_kafka_consumer_group_metadata(client.native_ptr());
        if metadata.is_null() {
            return None;
        }
        let id = native::rd_kafka_consumer_group_metadata_member_id(metadata);
        let id = (!id.is_null()).then(|| CStr::from_ptr(id).to_string_lossy().into_owned());
        let generation = native::rd_kafka_consumer_group_metadata_generation_id(metadata);
        native::rd_kafka_consumer_group_metadata_destroy(metadata);
        (id, generation)
    };
    id.filter(|id| !id.is_empty() && generation >= 0)
}

/// The offset after the last record of a partition, as the last answer to a fetch has told it; `None`
/// before the first one. Asks nobody.
#[expect(unsafe_code, reason = "the crate asks brokers")]
pub(crate) fn known_end<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    partition: i32,
) -> Option<i64> {
    let topic = CString::new(topic).ok()?;
    let (mut low, mut high) = (-1, -1);
    // SAFETY: the client, the name and both numbers live for as long as the call.
    let error = unsafe {
        native::rd_kafka_get_watermark_offsets(
            client.native_ptr(),
            topic.as_ptr(),
            partition,
            &raw mut low,
            &raw mut high,
        )
    };
    let is_known = error == native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0;
    is_known.then_some(high)
}

/// Has a producer write what it was given, as soon as it can, for so long at most; whether all is
/// written. Reports must be polled by another thread. Blocks.
///
/// The crate's own `flush`, with which its `commit_transaction` begins, gives `rd_kafka_flush` no
/// time: before brokers' threads have seen that there is a flush it is over, and what is less than
/// a whole request waits until `linger.ms` has passed.
#[expect(unsafe_code, reason = "the crate's call does another thing")]
pub(crate) fn flush<C: ClientContext>(client: &Client<C>, timeout: Duration) -> bool {
    let milliseconds = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client lives for as long as the call.
    let ended = unsafe { native::rd_kafka_flush(client.native_ptr(), milliseconds) };
    ended == native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
}

/// Calls `each` with the name and the value of every header, in order. A name that is not UTF-8
/// has the replacement character where it is not, as in Kafka's own client.
#[expect(unsafe_code, reason = "the crate panics where a name is not UTF-8")]
pub(crate) fn headers(headers: &BorrowedHeaders, mut each: impl FnMut(&str, Option<&[u8]>)) {
    let native: *const native::rd_kafka_headers_t = ptr::from_ref(headers).cast();
    for index in 0..headers.count() {
        let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
        // SAFETY: `BorrowedHeaders` is a view of the native headers (its only way to be made is
        // a cast of their pointer), and what is read of them lives as long as they do.
        unsafe {
            let error = native::rd_kafka_header_get_all(
                native,
                index,
                &raw mut name,
                &raw mut value,
                &raw mut size,
            );
            if error != native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return;
            }
            let name = CStr::from_ptr(name).to_string_lossy();
            let value =
                (!value.is_null()).then(|| std::slice::from_raw_parts(value.cast::<u8>(), size));
            each(&name, value);
        }
    }
}
