import { createServer, type Server } from 'node:http';
import type { Config } from '#config';
import type { Database } from '#database';
import type { JobQueue } from '#jobs';
import { Readiness } from '#platform';

export interface HealthParts {
  readonly config: Config;
  readonly database: Database;
  readonly queue: JobQueue;
}

/**
 * `/health/live` and `/health/ready` where the API has them, and with the same answers, so that whoever watches over
 * processes asks both alike. A worker answers nothing else there.
 */
export function startHealthServer({ config, database, queue }: HealthParts): Promise<Server> {
  const readiness = new Readiness(() => database.ping());
  const statusOf = async (url: string | undefined): Promise<[number, string]> => {
    if (url === '/health/live') return [200, 'ok'];
    if (url !== '/health/ready') return [404, 'unknown'];
    return readiness.check().then(
      () => [200, queue.reachable ? 'ok' : 'degraded'],
      () => [503, 'unavailable'],
    );
  };
  const server = createServer((request, response) => {
    void statusOf(request.url).then(([code, status]) => {
      response.writeHead(code, { 'content-type': 'application/json; charset=utf-8' });
      response.end(JSON.stringify({ status }));
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(config.port, config.host, () => resolve(server));
  });
}
