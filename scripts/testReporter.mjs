/** Vitest reporter for `npm test`: failures in full, each skip with its reason, counts to a file for the sum. */
import { writeFileSync } from 'node:fs';

const countsFile = process.env.ACC_TEST_COUNTS;

export default class TestReporter {
  counts = { passed: 0, failed: 0, skipped: 0 };
  failures = [];

  onTestCaseResult(test) {
    const result = test.result();
    if (result.state === 'passed') this.counts.passed++;
    else if (result.state === 'skipped') {
      this.counts.skipped++;
      console.log(
        `skipped: ${test.module.relativeModuleId} > ${test.fullName}: ${result.note ?? 'no reason given'}`,
      );
    } else {
      this.counts.failed++;
      this.failures.push(`${test.module.relativeModuleId} > ${test.fullName}`);
      const errors = (result.errors ?? []).map((error) => error.stack ?? error.message).join('\n');
      console.log(`FAILED: ${test.module.relativeModuleId} > ${test.fullName}\n${errors}\n`);
    }
  }

  onTestModuleEnd(module) {
    const seconds = (module.diagnostic().duration / 1000).toFixed(1);
    console.log(`${module.state() === 'failed' ? 'FAILED ' : ''}${module.relativeModuleId} (${seconds} s)`);
    for (const error of module.errors()) {
      this.counts.failed++;
      this.failures.push(module.relativeModuleId);
      console.log(`FAILED: ${module.relativeModuleId}\n${error.stack ?? error.message}\n`);
    }
  }

  onTestRunEnd(_modules, unhandledErrors) {
    for (const error of unhandledErrors) {
      this.counts.failed++;
      this.failures.push('outside a test');
      console.log(`FAILED outside a test: ${error.stack ?? error.message}`);
    }
    if (countsFile) writeFileSync(countsFile, JSON.stringify({ ...this.counts, failures: this.failures }));
  }
}
