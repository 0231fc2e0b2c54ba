import { Readable } from 'node:stream';
import { isFinished, type JobView, type JobWatch } from '#jobs';
import type { RequestContext } from '#kernel';

export const EVENT_MEDIA_TYPE = 'text/event-stream; charset=utf-8';

/** A stream is this old at most, as a token that was verified once: who wants to know more asks again. */
const LIFE_MS = 60_000;
/** A line that says nothing, so that nobody on the way takes the connection for dead. */
const SILENCE_MS = 15_000;

const eventOf = (job: JobView): string =>
  `event: ${isFinished(job) ? 'finished' : 'progress'}\ndata: ${JSON.stringify(job)}\n\n`;

/** The streams of a process that tell of jobs, as server-sent events. */
export class JobEvents {
  readonly #enders = new Set<() => void>();

  constructor(private readonly watch: JobWatch) {}

  /**
   * `progress` with the job at once and whenever it has changed, `finished` with the job at the end. A stream that
   * ends without `finished` is to be asked for again. Throws as `JobWatch.watch`.
   */
  async open(ctx: RequestContext, jobId: string): Promise<Readable> {
    const stream = new Readable({ read: () => undefined });
    let over = false;
    const say = (text: string | null): void => {
      if (!over) stream.push(text);
      over ||= text === null;
    };
    const end = (): void => say(null);
    const stop = await this.watch.watch(ctx, jobId, (job) => {
      if (job) say(eventOf(job));
      if (!job || isFinished(job)) end();
    });
    const life = setTimeout(end, LIFE_MS).unref();
    const silence = setInterval(() => say(':\n\n'), SILENCE_MS).unref();
    this.#enders.add(end);
    stream.once('close', () => {
      clearTimeout(life);
      clearInterval(silence);
      stop();
      this.#enders.delete(end);
    });
    return stream;
  }

  /** Ends every stream: an open one would hold up the end of the process. */
  endAll(): void {
    for (const end of this.#enders) end();
  }
}
