import { EnvironmentError, type FailureDetail } from '../core/errors.ts';

/** No WebGPU adapter or device can be had here. */
export class GpuUnavailableError extends EnvironmentError {
  constructor(message: string, detail: FailureDetail = {}) {
    super('gpu-unavailable', message, detail);
  }
}

/** WebGPU refused a call that our own checks let through: a fault of ours or of the driver. */
export class GpuValidationError extends EnvironmentError {
  constructor(message: string, detail: FailureDetail = {}) {
    super('gpu-validation', message, detail);
  }
}

/** A buffer did not fit; `allocatedBytes` is what the engine held at that moment. */
export class GpuOutOfMemoryError extends EnvironmentError {
  readonly allocatedBytes: number;
  constructor(message: string, allocatedBytes: number, detail: FailureDetail = {}) {
    super('gpu-out-of-memory', message, detail);
    this.allocatedBytes = allocatedBytes;
  }
}

/** The device is gone (driver reset, watchdog, unplugged); everything on it must be made again. */
export class GpuDeviceLostError extends EnvironmentError {
  readonly reason: string;
  constructor(reason: string, message: string) {
    super('gpu-device-lost', `the GPU device was lost (${reason})${message ? `: ${message}` : ''}`, {
      advice: 'reload the model; if it happens again choose a smaller context or a smaller weight type',
    });
    this.reason = reason;
  }
}

/** One message of the WGSL compiler with the source line it speaks of. */
export interface ShaderMessage {
  readonly type: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly sourceLine: string;
}

/** A kernel that this adapter's compiler refuses. */
export class ShaderCompileError extends EnvironmentError {
  readonly kernel: string;
  readonly messages: readonly ShaderMessage[];
  constructor(kernel: string, reason: string, messages: readonly ShaderMessage[]) {
    const list = messages.map((m) => `line ${m.line}: ${m.message}: ${m.sourceLine.trim()}`);
    super('shader-compile', [`kernel ${kernel} does not compile: ${reason}`, ...list].join('\n'));
    this.kernel = kernel;
    this.messages = messages;
  }
}
