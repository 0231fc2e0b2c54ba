import { describe, it } from 'vitest';
import { describeEngineConformance } from '../conformance/engine-conformance.js';
import { awsKmsDriver } from './aws-kms-driver.js';

const region = process.env.CLAVIGER_TEST_AWS_REGION;

/*
 * The same suite on AWS itself, with the credentials that its SDK finds (AWS_ACCESS_KEY_ID …, AWS_PROFILE). It makes some
 * twenty keys and schedules the deletion of all of them; imports are four seconds apart.
 */
if (region === undefined) {
  describe.skip('the AWS KMS engine on AWS itself: CLAVIGER_TEST_AWS_REGION is not set', () => {
    it('signs', () => undefined);
  });
} else {
  describeEngineConformance(`AWS KMS in ${region}`, () =>
    awsKmsDriver().open({
      id: 'aws',
      name: 'AWS',
      // Aliases and tags of its own, so that an earlier run is not in the way.
      config: { region, credentials: 'ambient', alias_prefix: `claviger-test-${Date.now()}` },
      secrets: new Map(),
    }),
  );
}
