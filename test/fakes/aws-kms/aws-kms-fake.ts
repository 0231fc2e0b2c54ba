import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Account } from './account.js';
import { ALIAS_OPERATIONS } from './alias-operations.js';
import { FaultPlan, type Fault } from './fault-plan.js';
import { IMPORT_OPERATIONS } from './import-operations.js';
import { KEY_OPERATIONS } from './key-operations.js';
import { KmsRefusal } from './kms-refusal.js';
import type { Operation } from './operation.js';
import { SIGN_OPERATIONS } from './sign-operation.js';
import { checkSigV4, type FakeCredentials } from './sigv4.js';
import { TAG_OPERATIONS } from './tag-operations.js';

export interface AwsKmsFakeOptions {
  readonly region?: string;
  readonly credentials?: FakeCredentials;
  /** The time of states and tokens, in milliseconds; signatures go by the clock on the wall. */
  readonly now?: () => number;
  /** The least time between two calls of GetParametersForImport: 4 seconds at AWS. */
  readonly importIntervalMs?: number;
}

export interface RecordedCall {
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
}

const OPERATIONS: Readonly<Record<string, Operation>> = {
  ...KEY_OPERATIONS,
  ...SIGN_OPERATIONS,
  ...ALIAS_OPERATIONS,
  ...TAG_OPERATIONS,
  ...IMPORT_OPERATIONS,
};
const TARGET = /^TrentService\.(\w+)$/;
const MAX_BODY = 64 * 1024;
const JSON_TYPE = { 'content-type': 'application/x-amz-json-1.1' };

interface Understood {
  readonly run: Operation;
  readonly input: Readonly<Record<string, unknown>>;
  readonly fault: Fault | undefined;
}

export const FAKE_CREDENTIALS: FakeCredentials = {
  accessKeyId: 'AKIAFAKEFAKEFAKEFAKE',
  secretAccessKey: 'fake/secret+access/key+that+nobody+has+00',
};

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY)
      throw new KmsRefusal('RequestEntityTooLargeException', 'The body is too large', 413);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function answer(response: ServerResponse, status: number, json: object): void {
  response.writeHead(status, { ...JSON_TYPE, 'x-amzn-requestid': randomUUID() });
  response.end(JSON.stringify(json));
}

/**
 * AWS KMS as far as signing keys go, in this process: AWS JSON 1.1 over HTTP, checked by its signature. It makes and uses
 * real keys, refuses what AWS refuses, remembers every call, and fails on demand.
 */
export class AwsKmsFake {
  readonly faults = new FaultPlan();
  /** Every call that was signed as it must be, in order. */
  readonly calls: RecordedCall[] = [];
  readonly account: Account;
  readonly region: string;
  credentials: FakeCredentials;
  readonly #server: Server;

  private constructor(options: AwsKmsFakeOptions) {
    this.region = options.region ?? 'eu-central-1';
    this.credentials = options.credentials ?? FAKE_CREDENTIALS;
    this.account = new Account({
      region: this.region,
      now: options.now ?? Date.now,
      importIntervalMs: options.importIntervalMs ?? 4_000,
    });
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(options: AwsKmsFakeOptions = {}): Promise<AwsKmsFake> {
    const fake = new AwsKmsFake(options);
    fake.#server.listen(0, '127.0.0.1');
    await once(fake.#server, 'listening');
    return fake;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What an operation was called with, in order. */
  inputsOf(operation: string): Readonly<Record<string, unknown>>[] {
    return this.calls.filter((call) => call.operation === operation).map(({ input }) => input);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { run, input, fault } = await this.#read(request);
      if (fault?.kind === 'hang') return;
      if (fault?.kind === 'delay') await delay(fault.ms);
      const result = await run(this.account, input);
      if (fault?.kind === 'drop') response.destroy();
      else if (fault?.kind === 'stall') response.writeHead(200, JSON_TYPE).write('{');
      else answer(response, 200, result);
    } catch (error) {
      if (!(error instanceof KmsRefusal)) throw error;
      answer(response, error.status, { __type: error.type, message: error.message });
    }
  }

  async #read(request: IncomingMessage): Promise<Understood> {
    const body = await bodyOf(request);
    const name = TARGET.exec(String(request.headers['x-amz-target']))?.[1] ?? '';
    const run = Object.hasOwn(OPERATIONS, name) ? OPERATIONS[name] : undefined;
    const isJson = request.headers['content-type'] === JSON_TYPE['content-type'];
    if (request.method !== 'POST' || request.url !== '/' || !isJson || !run) {
      throw new KmsRefusal('UnknownOperationException', 'The action is not valid for this service.');
    }
    checkSigV4(request, body, this.region, this.credentials);
    const input = parsed(body);
    this.calls.push({ operation: name, input });
    const fault = this.faults.next(name);
    if (fault?.kind === 'refuse') {
      const asked = fault.echo ? `: ${JSON.stringify(request.headers)} ${body.toString()}` : '';
      const message = `${this.account.arnPrefix} has met with ${fault.code}${asked}`;
      throw new KmsRefusal(fault.code, message, fault.status);
    }
    return { run, input, fault };
  }
}

function parsed(body: Buffer): Record<string, unknown> {
  try {
    const json = JSON.parse(body.toString()) as unknown;
    if (typeof json === 'object' && json !== null && !Array.isArray(json))
      return json as Record<string, unknown>;
  } catch {
    // Refused below, as any other thing that is not an object.
  }
  throw new KmsRefusal('SerializationException', 'The body is not a JSON object');
}
