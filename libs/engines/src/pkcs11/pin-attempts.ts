import type { Database } from '#database';
import type { SecretBytes } from '#kernel';
import type { EngineSecrets } from '../engine-secrets.js';
import type { PinClaim, PinLedger, PinStanding } from './token-pin.js';

/** After that nobody is sending it any more: a login is given 20 s. */
const SENDING = `interval '30 seconds'`;

const CLAIM = `
  INSERT INTO pin_attempt AS a (credential, state, attempt_id) VALUES ($1, 'sent', $2)
  ON CONFLICT (credential) DO UPDATE
    SET state = 'sent', attempt_id = excluded.attempt_id, sent_ts = excluded.sent_ts,
        before = CASE WHEN a.state = 'sent' THEN coalesce(a.before, 'refused') ELSE a.state END
  WHERE a.state = 'accepted' OR a.state = 'refused' AND $3
     OR a.state = 'sent' AND a.sent_ts < now() - ${SENDING} AND (a.before = 'accepted' OR $3)
  RETURNING a.before`;

const REFUSED = `
  SELECT state = 'refused' OR state = 'sent' AND before IS DISTINCT FROM 'accepted' AND sent_ts < now() - ${SENDING} AS refused
    FROM pin_attempt WHERE credential = $1`;

/** What became of PINs, in the database. */
export class PinAttempts implements PinLedger {
  constructor(
    private readonly database: Database,
    private readonly secrets: EngineSecrets,
  ) {}

  credentialOf(token: string, pin: SecretBytes): Buffer {
    return this.secrets.digest(token, pin);
  }

  async isRefused(credential: Buffer): Promise<boolean> {
    const [row] = await this.database.system(
      'pin standing',
      (tx) => tx.query<{ refused: boolean }>(REFUSED, [credential]),
      { readOnly: true },
    );
    return row?.refused ?? false;
  }

  claim(credential: Buffer, attemptId: string, anew: boolean): Promise<PinClaim> {
    return this.database.system('pin attempt', async (tx) => {
      const [claimed] = await tx.query<{ before: PinStanding | null }>(CLAIM, [credential, attemptId, anew]);
      if (claimed) return { before: claimed.before ?? undefined };
      const [row] = await tx.query<{ refused: boolean }>(REFUSED, [credential]);
      return row?.refused ? 'refused' : 'busy';
    });
  }

  async settle(credential: Buffer, attemptId: string, standing: PinStanding | undefined): Promise<void> {
    const mine = [credential, attemptId];
    await this.database.system('pin outcome', (tx) =>
      standing
        ? tx.execute(
            'UPDATE pin_attempt SET state = $3, before = NULL WHERE credential = $1 AND attempt_id = $2',
            [...mine, standing],
          )
        : tx.execute('DELETE FROM pin_attempt WHERE credential = $1 AND attempt_id = $2', mine),
    );
  }
}
