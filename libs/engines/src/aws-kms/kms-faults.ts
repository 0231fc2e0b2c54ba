import { AppError, type AppErrorOptions, type ErrorCode } from '#kernel';
import type { AwsKmsSettings } from './aws-kms-settings.js';
import { kmsHost } from './aws-region.js';

type Answer = readonly [code: ErrorCode, detail: string, retryAfterS?: number];

const CREDENTIALS: Answer = ['unavailable', 'AWS KMS does not accept the credentials of this engine.', 60];
const THROTTLED: Answer = ['unavailable', 'AWS KMS limits the rate of the account at the moment.', 2];
const FAILED: Answer = ['unavailable', 'AWS KMS failed, and may not in a moment.', 1];
const STRANGER: Answer = ['unavailable', 'What answers in the place of AWS KMS is something else.', 60];
const UNREACHABLE: Answer = ['unavailable', 'AWS KMS cannot be reached.', 2];

/** What errors of the service mean to our callers. Whatever is not here is a mistake of ours. */
const ANSWERS: Readonly<Record<string, Answer>> = {
  ThrottlingException: THROTTLED,
  Throttling: THROTTLED,
  TooManyRequestsException: THROTTLED,
  // A number of keys or aliases, not a rate: it does not pass by waiting a little.
  LimitExceededException: [
    'unavailable',
    'The account has as many keys or aliases as AWS KMS allows it.',
    300,
  ],
  KMSInternalException: FAILED,
  InternalFailure: FAILED,
  ServiceUnavailableException: FAILED,
  DependencyTimeoutException: FAILED,
  KeyUnavailableException: FAILED,
  DisabledException: ['key_state', 'The key is disabled in AWS KMS.'],
  KMSInvalidStateException: ['key_state', 'The state of the key in AWS KMS does not allow this.'],
  NotFoundException: ['key_state', 'AWS KMS has no such key.'],
  UnsupportedOperationException: [
    'unsupported_by_engine',
    'AWS KMS does not offer this in the region of the engine.',
  ],
  AccessDeniedException: [
    'unavailable',
    'AWS KMS does not allow this to the credentials of this engine.',
    60,
  ],
  UnrecognizedClientException: CREDENTIALS,
  InvalidClientTokenId: CREDENTIALS,
  InvalidSignatureException: CREDENTIALS,
  SignatureDoesNotMatch: CREDENTIALS,
  MissingAuthenticationTokenException: CREDENTIALS,
  IncompleteSignatureException: CREDENTIALS,
  ExpiredTokenException: CREDENTIALS,
  CredentialsProviderError: CREDENTIALS,
  TokenProviderError: CREDENTIALS,
  // What the SDK calls answers that are not of AWS's making.
  Unknown: STRANGER,
  UnknownError: STRANGER,
  SyntaxError: STRANGER,
  // The SDK's name for connections that broke, too.
  TimeoutError: ['unavailable', 'AWS KMS did not answer.', 2],
};

const ACCESS = 'secrets.access_key_id';

/** The setting that the service refuses by such an error. */
const SETTINGS: Readonly<Record<string, string>> = {
  AccessDeniedException: ACCESS,
  UnrecognizedClientException: ACCESS,
  InvalidClientTokenId: ACCESS,
  MissingAuthenticationTokenException: ACCESS,
  IncompleteSignatureException: ACCESS,
  InvalidSignatureException: 'secrets.secret_access_key',
  SignatureDoesNotMatch: 'secrets.secret_access_key',
  ExpiredTokenException: 'secrets.session_token',
  CredentialsProviderError: ACCESS,
  TokenProviderError: ACCESS,
};

interface SdkError extends Error {
  readonly code?: unknown;
  readonly $metadata?: { readonly requestId?: string; readonly httpStatusCode?: number };
}

/** The service's or the network's name of an error. */
export const faultName = (error: unknown): string => (error instanceof Error ? error.name : '');

/**
 * What may be logged of an error. The SDK's own holds the whole exchange; and where a signature is refused AWS tells the
 * request that it saw, session token and all.
 */
function loggable(error: SdkError): Error {
  const isPrivate = Object.hasOwn(SETTINGS, error.name) && error.name !== 'AccessDeniedException';
  const text = isPrivate ? '' : `: ${error.message}`;
  const request = error.$metadata?.requestId === undefined ? '' : ` (request ${error.$metadata.requestId})`;
  return new Error(`${error.name}${text}${request}`);
}

function answerTo(error: SdkError): Answer {
  const known = Object.hasOwn(ANSWERS, error.name) ? ANSWERS[error.name] : undefined;
  if (known) return known;
  const status = error.$metadata?.httpStatusCode;
  if (status !== undefined)
    return status >= 500 ? FAILED : ['internal', 'AWS KMS refused what it was asked.'];
  // Node's and TLS's own: ECONNREFUSED, ENOTFOUND, CERT_HAS_EXPIRED …
  return typeof error.code === 'string' ? UNREACHABLE : ['internal', 'AWS KMS could not be asked.'];
}

/** What is thrown for an error of the SDK: nothing of AWS's text, no ARN, no account in it. */
export function faultOf(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (!(error instanceof Error)) return new AppError('internal', { cause: error });
  const [code, detail, retryAfterS] = answerTo(error);
  const options: AppErrorOptions = {
    cause: loggable(error),
    ...(retryAfterS !== undefined && { retryAfterS }),
  };
  return new AppError(code, code === 'internal' ? options : { ...options, detail });
}

type Connecting = Pick<AwsKmsSettings, 'region' | 'endpoint' | 'credentials'>;

/** The setting that is at fault, where one is, and why. */
function settingAtFault(
  error: SdkError,
  { region, endpoint, credentials }: Connecting,
): [path: string, message: string] | undefined {
  // Not EAI_AGAIN, which is a resolver that cannot tell.
  if (error.code === 'ENOTFOUND') {
    const isOwn = endpoint === `https://${kmsHost(region)}`;
    return [isOwn ? 'config.region' : 'config.endpoint', 'has no address of AWS KMS that this host can find'];
  }
  const setting = Object.hasOwn(SETTINGS, error.name) ? SETTINGS[error.name] : undefined;
  if (setting === undefined) return undefined;
  if (/scoped to a valid region/.test(error.message))
    return ['config.region', 'is not the region of this endpoint'];
  return [credentials ? setting : 'config.credentials', 'was refused by AWS KMS'];
}

/** What is thrown where the engine is first connected: settings that are refused are named. */
export function connectFaultOf(error: unknown, settings: Connecting): AppError {
  const fault = error instanceof Error ? settingAtFault(error, settings) : undefined;
  if (!fault) return faultOf(error);
  const [path, message] = fault;
  return new AppError('validation_failed', {
    detail: `AWS KMS cannot be used as the engine is configured: ${path} ${message}.`,
    errors: [{ path, message }],
    cause: loggable(error as SdkError),
  });
}
