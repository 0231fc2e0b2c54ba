import { isIP } from 'node:net';
import { invalidMember } from '#kernel';
import { SubjectAlternativeNameExtension, type JsonGeneralName } from '@peculiar/x509';

/** Names beside the subject's (RFC 5280 §4.2.1.6). */
export interface AlternativeNames {
  readonly dns_names?: readonly string[];
  readonly ip_addresses?: readonly string[];
  readonly email_addresses?: readonly string[];
  readonly uris?: readonly string[];
}

interface Kind {
  readonly member: keyof AlternativeNames;
  readonly type: JsonGeneralName['type'];
  readonly what: string;
  readonly fits: (value: string) => boolean;
  /** As the encoder is to have it; as it is where absent. */
  readonly spell?: (value: string) => string;
}

const LABEL = '[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?';
const HOST = new RegExp(`^(?:\\*\\.)?${LABEL}(?:\\.${LABEL})*$`);
const isAscii = (value: string): boolean => /^[\x21-\x7e]+$/.test(value);

/** IPv6 in hex groups alone: the encoder reads `::ffff:192.0.2.1` as `::ffff:192`. */
const inGroups = (address: string): string =>
  isIP(address) === 6 ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;

const KINDS: readonly Kind[] = [
  {
    member: 'dns_names',
    type: 'dns',
    what: 'host names',
    fits: (value) => value.length <= 253 && HOST.test(value),
  },
  {
    member: 'ip_addresses',
    type: 'ip',
    what: 'IP addresses without a zone',
    fits: (value) => isIP(value) !== 0 && !value.includes('%'),
    spell: inGroups,
  },
  {
    member: 'email_addresses',
    type: 'email',
    what: 'mail addresses',
    fits: (value) => isAscii(value) && /^[^@]+@[^@]+$/.test(value),
  },
  {
    member: 'uris',
    type: 'url',
    what: 'absolute URIs',
    fits: (value) => isAscii(value) && URL.canParse(value),
  },
];

/** The extension with all the names; none where there is no name. Throws `validation_failed`, naming the member. */
export function alternativeNamesExtension(input: AlternativeNames): SubjectAlternativeNameExtension[] {
  const names = KINDS.flatMap(({ member, type, what, fits, spell }) =>
    (input[member] ?? []).map((value): JsonGeneralName => {
      if (fits(value)) return { type, value: spell?.(value) ?? value };
      throw invalidMember(member, `must be ${what}`);
    }),
  );
  return names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : [];
}
