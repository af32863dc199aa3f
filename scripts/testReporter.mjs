/** Vitest reporter for `npm test`: failures in full, each skip with its reason, counts to a file for the sum. */
import { writeFileSync } from 'node:fs';

const countsFile = process.env.ACC_TEST_COUNTS;

export default class TestReporter {
  counts = { passed: 0, failed: 0, skipped: 0 };
  passedTests = [];
  failures = [];
  failedFiles = new Set();

  onTestCaseResult(test) {
    const result = test.result();
    const name = `${test.module.relativeModuleId} > ${test.fullName}`;
    if (result.state === 'passed') {
      this.counts.passed++;
      this.passedTests.push(name);
    } else if (result.state === 'skipped') {
      this.counts.skipped++;
      // Tests that need something by their name say so there.
      const reason = result.note ?? (/[[(](?:needs|skipped) /.test(name) ? '' : 'no reason given');
      console.log(`skipped: ${name}${reason && `: ${reason}`}`);
    } else {
      this.counts.failed++;
      this.failures.push(name);
      this.failedFiles.add(test.module.relativeModuleId);
      const errors = (result.errors ?? []).map((error) => error.stack ?? error.message).join('\n');
      console.log(`FAILED: ${name}\n${errors}\n`);
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
    if (countsFile)
      writeFileSync(
        countsFile,
        JSON.stringify({
          ...this.counts,
          passedTests: this.passedTests,
          failures: this.failures,
          failedFiles: [...this.failedFiles],
        }),
      );
  }
}
