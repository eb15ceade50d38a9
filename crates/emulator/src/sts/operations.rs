//! The operations of STS, by the service model of botocore 1.44.5, and how far each is served.

use crate::service::Operation;

/// All of them, sorted by name.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::absent("AssumeRole"),
    Operation::absent("AssumeRoleWithSAML"),
    Operation::absent("AssumeRoleWithWebIdentity"),
    Operation::absent("AssumeRoot"),
    Operation::absent("DecodeAuthorizationMessage"),
    Operation::absent("GetAccessKeyInfo"),
    Operation::implemented("GetCallerIdentity"),
    Operation::absent("GetDelegatedAccessToken"),
    Operation::absent("GetFederationToken"),
    Operation::absent("GetSessionToken"),
    Operation::absent("GetWebIdentityToken"),
];
