import { ApiClient } from './api-client.js';
import { KINDS } from './kinds.js';
import { SigningKey } from './signing-key.js';
import type { LoadCase, Meter } from './measure.js';
import type { ServerProcess } from './servers/server-process.js';
import type { Stage } from './stage.js';

const TENANT = 'bench';
const CONNECTIONS = 64;

/** The API, and beside it the same with a route that does nothing: both warm. */
export interface ServerPair {
  readonly api: ServerProcess;
  readonly empty: ServerProcess;
  readonly client: ApiClient;
  /** Full load, as the client's tenant. */
  readonly load: Pick<LoadCase, 'connections' | 'token'>;
}

/** Starts pairs, one at a time. Parts that need one, and not a fresh one, take that of the part before. */
export class ServerPairs {
  #current: ServerPair | undefined;
  #token: string | undefined;

  constructor(
    private readonly stage: Stage,
    private readonly meter: Meter,
  ) {}

  async current(): Promise<ServerPair> {
    return (this.#current ??= await this.#start());
  }

  /** In the place of the one that there is. */
  async fresh(): Promise<ServerPair> {
    await this.stop();
    return this.current();
  }

  async stop(): Promise<void> {
    const { empty, api } = this.#current ?? {};
    this.#current = undefined;
    if (empty) await this.stage.stop(empty);
    if (api) await this.stage.stop(api);
  }

  async #start(): Promise<ServerPair> {
    const { stage, meter } = this;
    const [api, empty] = await Promise.all([stage.start(), stage.start('dist/bench/servers/empty-route.js')]);
    const client = new ApiClient(api, TENANT, (this.#token ??= await stage.token(TENANT)));
    const load = { connections: CONNECTIONS, token: client.token };
    const key = await SigningKey.create(client, KINDS[0]!);
    await meter.warmUp(
      { ...load, servers: [empty], requests: key.emptyRequests() },
      { ...load, servers: [api], requests: key.signRequests('raw') },
    );
    return { api, empty, client, load };
  }
}
