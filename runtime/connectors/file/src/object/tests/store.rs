//! A store in memory that fails, is slow and dies when it is told to.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use fastrand::Rng;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartId, MultipartUpload,
    ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};

/// How a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It never arrives.
    Before,
    /// It is done, and the answer is lost.
    After,
    /// It is done, the answer is lost, and the client asks again at once.
    Twice,
}

/// Shared by all clients.
#[derive(Clone, Debug, Default)]
pub(super) struct Store {
    objects: Arc<InMemory>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    uploads: BTreeMap<String, Upload>,
    begun: u64,
    requests: usize,
    /// Which request from now on, of a kind or of any, fails how.
    fault: Option<(&'static str, usize, Fault)>,
    /// From which request on none is done any more.
    dies_at: Option<usize>,
    /// Lets others come between, as often as chance has it.
    chance: Option<Rng>,
}

#[derive(Clone, Debug, Default)]
struct Upload {
    name: String,
    parts: BTreeMap<usize, Bytes>,
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a store for tests")
    }
}

// === impl Store ===

impl Store {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The `nth` request from now on, from 1, of a kind or of any (`""`), fails.
    pub(super) fn fail(&self, call: &'static str, nth: usize, fault: Fault) {
        self.state().fault = Some((call, nth, fault));
    }

    /// The process has died after so many requests.
    pub(super) fn die_after(&self, requests: Option<usize>) {
        let mut state = self.state();
        state.dies_at = requests.map(|more| state.requests + more);
    }

    pub(super) fn requests(&self) -> usize {
        self.state().requests
    }

    pub(super) fn interleave(&self, seed: u64) {
        self.state().chance = Some(Rng::with_seed(seed));
    }

    /// How many uploads have parts that nobody has completed or given up. One without parts
    /// costs nothing, and where the answer with its id was lost nobody can find it.
    pub(super) fn uploads(&self) -> usize {
        let state = self.state();
        let uploads = state.uploads.values();
        uploads.filter(|upload| !upload.parts.is_empty()).count()
    }

    /// Gives up all uploads, as a rule of the bucket may.
    pub(super) fn end_uploads(&self) {
        self.state().uploads.clear();
    }

    /// All objects, by name.
    pub(super) async fn objects(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        let mut listed = self.objects.list(None);
        while let Some(object) = listed.next().await {
            let name = object.unwrap().location;
            let found = self.objects.get(&name).await.unwrap();
            let bytes = found.bytes().await.unwrap();
            all.insert(name.to_string(), String::from_utf8(bytes.to_vec()).unwrap());
        }
        all
    }

    /// What a reader sees.
    pub(super) async fn visible(&self) -> BTreeMap<String, String> {
        let mut all = self.objects().await;
        all.retain(|name, _| !name.starts_with("_azud/"));
        all
    }

    pub(super) async fn put(&self, name: &str, text: &str) {
        let text = text.to_owned().into_bytes();
        self.objects.put(&name.into(), text.into()).await.unwrap();
    }

    pub(super) async fn remove(&self, name: &str) {
        self.objects.delete(&name.into()).await.unwrap();
    }

    async fn request<T, F>(&self, call: &str, work: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let turns = match &mut self.state().chance {
            // Now and then one is held up for as long as another takes for everything.
            Some(chance) => match chance.u8(..24) {
                0 => chance.u16(..600),
                _ => chance.u16(..4),
            },
            None => 0,
        };
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        let fault = self.state().fault(call);
        match fault {
            Err(()) | Ok(Some(Fault::Before)) => Err(away()),
            Ok(Some(Fault::After)) => {
                work().await.ok();
                Err(away())
            }
            Ok(Some(Fault::Twice)) => {
                work().await.ok();
                work().await
            }
            Ok(None) => work().await,
        }
    }
}

impl State {
    fn fault(&mut self, call: &str) -> std::result::Result<Option<Fault>, ()> {
        if self.dies_at.is_some_and(|last| self.requests >= last) {
            return Err(());
        }
        self.requests += 1;
        let Some((of, left, fault)) = &mut self.fault else {
            return Ok(None);
        };
        if of.is_empty() || *of == call {
            *left -= 1;
        }
        let (left, fault) = (*left, *fault);
        if left == 0 {
            self.fault = None;
            return Ok(Some(fault));
        }
        Ok(None)
    }
}

/// As the client of S3 tells it.
fn away() -> Error {
    Error::Generic {
        store: "test",
        source: "Server returned non-2xx status code: 503 Service Unavailable: \
                 <Code>SlowDown</Code>"
            .into(),
    }
}

fn no_upload(name: &str) -> Error {
    Error::NotFound {
        path: name.to_owned(),
        source: "no such upload".into(),
    }
}

#[async_trait::async_trait]
impl MultipartStore for Store {
    async fn create_multipart(&self, path: &Path) -> Result<MultipartId> {
        self.request("create", || async {
            let mut state = self.state();
            state.begun += 1;
            let id = format!("upload-{}", state.begun);
            let upload = Upload {
                name: path.to_string(),
                parts: BTreeMap::new(),
            };
            state.uploads.insert(id.clone(), upload);
            Ok(id)
        })
        .await
    }

    async fn put_part(
        &self,
        path: &Path,
        id: &MultipartId,
        number: usize,
        data: PutPayload,
    ) -> Result<PartId> {
        let bytes = Bytes::from(data);
        self.request("part", || async {
            let mut state = self.state();
            let upload = state.uploads.get_mut(id);
            let upload = upload.ok_or_else(|| no_upload(path.as_ref()))?;
            assert_eq!(upload.name, path.to_string());
            upload.parts.insert(number, bytes.clone());
            let content_id = format!("{id}/{number}/{}", bytes.len());
            Ok(PartId { content_id })
        })
        .await
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> Result<PutResult> {
        self.request("complete", || async {
            let upload = self.state().uploads.remove(id);
            let upload = upload.ok_or_else(|| no_upload(path.as_ref()))?;
            assert_eq!(upload.name, path.to_string());
            let mut whole = Vec::new();
            for (number, part) in parts.iter().enumerate() {
                let bytes = &upload.parts[&number];
                assert_eq!(part.content_id, format!("{id}/{number}/{}", bytes.len()));
                whole.extend_from_slice(bytes);
            }
            self.objects.put(path, whole.into()).await
        })
        .await
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> Result<()> {
        self.request("abort", || async {
            let upload = self.state().uploads.remove(id);
            upload.map(drop).ok_or_else(|| no_upload(path.as_ref()))
        })
        .await
    }
}

#[async_trait::async_trait]
impl ObjectStore for Store {
    async fn put_opts(&self, at: &Path, data: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.request("put", || {
            self.objects.put_opts(at, data.clone(), opts.clone())
        })
        .await
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        panic!("it cannot be taken up again");
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        self.request("get", || self.objects.get_opts(at, options.clone()))
            .await
    }

    fn delete_stream(
        &self,
        names: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let deleted = names.then(move |name| {
            let store = store.clone();
            async move {
                let name = name?;
                let deleted = store.request("delete", || store.objects.delete(&name));
                deleted.await.map(|()| name.clone())
            }
        });
        deleted.boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        panic!("a bucket may hold more than anybody wants to list");
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.request("list", || self.objects.list_with_delimiter(prefix))
            .await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.request("copy", || self.objects.copy_opts(from, to, options.clone()))
            .await
    }
}
