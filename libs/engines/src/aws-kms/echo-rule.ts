import type { KMSClient } from '@aws-sdk/client-kms';

/** Members of requests that hold a caller's message, or a key on its way. */
const PRIVATE = ['Message', 'EncryptedKeyMaterial', 'ImportToken'] as const;

interface SentRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** What of a request may not be read in a log. */
function privateParts({ headers, body }: SentRequest): string[] {
  const text = typeof body === 'string' ? body : new TextDecoder().decode(body);
  const members = JSON.parse(text) as Readonly<Record<string, unknown>>;
  const parts = [headers['x-amz-security-token'], ...PRIVATE.map((name) => members[name])];
  return parts.filter((part) => typeof part === 'string' && part !== '') as string[];
}

/** The forms in which whoever answers repeats what he was sent. */
const formsOf = (text: string): string[] => [
  text,
  JSON.stringify(text).slice(1, -1),
  encodeURIComponent(text),
];

/**
 * Takes the message from an error that repeats the request. AWS does where it refuses a signature, and what an operator
 * allowed in its place may always: messages of errors are logged.
 */
export function addEchoRule(client: KMSClient): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      try {
        return await next(args);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        const forms = privateParts(args.request as SentRequest).flatMap(formsOf);
        if (forms.some((form) => error.message.includes(form)))
          error.message = 'its message repeats the request';
        throw error;
      }
    },
    { step: 'deserialize', priority: 'high', name: 'clavigerEchoRule' },
  );
}
