import { z } from 'zod';
import type { Account } from './account.js';
import { KmsRefusal, invalid } from './kms-refusal.js';
import { keyId, listing, operation, pageOf } from './operation.js';

const MAX_ALIASES = 50;
const aliasName = z.string().min(1).max(256);

function checkName(name: string): void {
  if (!name.startsWith('alias/')) throw invalid('Invalid identifier: an alias begins with alias/');
  if (!/^alias\/[a-zA-Z0-9/_-]+$/.test(name)) {
    throw new KmsRefusal('InvalidAliasNameException', 'Alias contains invalid characters');
  }
  if (name.startsWith('alias/aws/'))
    throw new KmsRefusal('NotAuthorizedException', 'The prefix aws/ is reserved');
}

const entryOf = (account: Account, name: string): object => ({
  AliasName: name,
  AliasArn: `${account.arnPrefix}${name}`,
  TargetKeyId: account.aliases.get(name),
});

export const ALIAS_OPERATIONS = {
  CreateAlias: operation(z.object({ AliasName: aliasName, TargetKeyId: keyId }), (account, input) => {
    checkName(input.AliasName);
    if (input.TargetKeyId.includes('alias/')) throw invalid('Aliases must refer to keys, not aliases');
    const key = account.key(input.TargetKeyId);
    key.require('Enabled', 'Disabled', 'PendingImport');
    if (account.aliases.has(input.AliasName)) {
      const arn = `${account.arnPrefix}${input.AliasName}`;
      throw new KmsRefusal('AlreadyExistsException', `An alias with the name ${arn} already exists`);
    }
    if (account.aliasesOf(key).length >= MAX_ALIASES) {
      throw new KmsRefusal('LimitExceededException', `${key.arn} has the most aliases it can have`);
    }
    account.aliases.set(input.AliasName, key.id);
    return {};
  }),

  DeleteAlias: operation(z.object({ AliasName: aliasName }), (account, input) => {
    checkName(input.AliasName);
    account.keyOrAlias(input.AliasName);
    account.aliases.delete(input.AliasName);
    return {};
  }),

  ListAliases: operation(z.object({ KeyId: keyId.optional(), ...listing(100, 50) }), (account, input) => {
    account.keys();
    const names =
      input.KeyId === undefined ? [...account.aliases.keys()] : account.aliasesOf(account.key(input.KeyId));
    const { page, ...rest } = pageOf(names, input.Limit, input.Marker);
    return { Aliases: page.map((name) => entryOf(account, name)), ...rest };
  }),
};
