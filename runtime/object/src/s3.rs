//! S3 and what speaks it, as the environment describes it.
//!
//! `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`: the key pair. Without
//! one: the token of `AWS_WEB_IDENTITY_TOKEN_FILE` and `AWS_ROLE_ARN`, the container's
//! credentials, or those of the machine (IMDSv2). `AWS_REGION`, `AWS_ENDPOINT_URL` or
//! `AWS_ENDPOINT_URL_S3`: where. `AWS_ALLOW_HTTP=true`: without TLS.
//! Profiles in `~/.aws` are not read.

use std::sync::Arc;
use std::time::Duration;

use azud_model::{Error, Result};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::{BackoffConfig, ClientConfigKey, RetryConfig};

use crate::bucket::PATIENCE;
use crate::{Bucket, BucketUrl};

const NO_KEY: &str = "AWS_ACCESS_KEY_ID is not set, so the machine itself was asked for \
                      credentials: set it and AWS_SECRET_ACCESS_KEY, unless this is such a machine";

// === impl Bucket ===

impl Bucket {
    /// A bucket of S3; nothing is asked of it yet.
    ///
    /// # Errors
    /// `Invalid` if the `AWS_*` variables of the environment contradict themselves.
    pub fn s3(url: &BucketUrl) -> Result<Self> {
        Self::built(AmazonS3Builder::from_env(), url)
    }

    /// The same, of another description than the environment's.
    ///
    /// # Errors
    /// `Invalid` if it contradicts itself.
    pub fn built(builder: AmazonS3Builder, url: &BucketUrl) -> Result<Self> {
        let of = |key| builder.get_config_value(&key);
        let endpoint = of(AmazonS3ConfigKey::S3Endpoint).or(of(AmazonS3ConfigKey::Endpoint));
        let http = of(AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp));
        let is_http = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
        if is_http && !http.is_some_and(|allowed| is_true(&allowed)) {
            return Err(Error::invalid(
                "AWS_ENDPOINT_URL is without TLS: write `https://`, or set AWS_ALLOW_HTTP=true",
            ));
        }
        let key = of(AmazonS3ConfigKey::AccessKeyId);
        let others = [
            AmazonS3ConfigKey::WebIdentityTokenFile,
            AmazonS3ConfigKey::ContainerCredentialsRelativeUri,
            AmazonS3ConfigKey::ContainerCredentialsFullUri,
        ];
        let has_key = key.is_some() || others.into_iter().any(|key| of(key).is_some());
        let client = |key| AmazonS3ConfigKey::Client(key);
        let store = builder
            .with_bucket_name(&url.bucket)
            // Whoever turns that off would have two owners of a place.
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_retry(retries())
            // Each request has a limit of its own, see `Bucket::answer`.
            .with_config(client(ClientConfigKey::Timeout), "3600 seconds")
            .with_config(client(ClientConfigKey::ConnectTimeout), "2 seconds")
            .build()
            .map_err(|error| {
                Error::invalid(format!("the AWS_* variables do not describe `{url}`"))
                    .because(error)
            })?;
        let store = Arc::new(store);
        Ok(Self {
            pages: Some(store.clone()),
            store,
            url: url.to_string(),
            prefix: url.prefix.clone(),
            hint: (!has_key).then_some(NO_KEY),
            patience: PATIENCE,
        })
    }
}

/// Two, at once: whoever calls tries again, and says so.
fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(50),
            max_backoff: Duration::from_millis(500),
            base: 2.0,
        },
        max_retries: 2,
        retry_timeout: Duration::from_secs(2),
    }
}

fn is_true(text: &str) -> bool {
    matches!(
        text.to_ascii_lowercase().as_str(),
        "1" | "true" | "on" | "yes" | "y"
    )
}
