import * as ort from 'onnxruntime-web/webgpu';
import { OnnxGraph, onnxType } from './onnxGraph.ts';

/** One matrix product on onnxruntime's WebGPU provider, inputs and output kept on the GPU: for comparisons. */
export class OrtMatmul {
  private constructor(
    private readonly session: ort.InferenceSession,
    private readonly inputs: Record<string, ort.Tensor>,
  ) {}

  /** Y[M, N] = X[M, K] · W[K, N]. */
  static async create(m: number, k: number, n: number, x: Float32Array, w: Float32Array): Promise<OrtMatmul> {
    const graph = new OnnxGraph();
    graph.input('x', onnxType.float, [m, k]);
    graph.input('w', onnxType.float, [k, n]);
    graph.node('MatMul', ['x', 'w'], {}, ['y']);
    graph.output('y', onnxType.float, [m, n]);
    ort.env.wasm.numThreads = 1;
    const session = await ort.InferenceSession.create(graph.finish('matmul'), {
      executionProviders: ['webgpu'],
      preferredOutputLocation: 'gpu-buffer',
    });
    const device = await ort.env.webgpu.device;
    const upload = (data: Float32Array, dims: number[]): ort.Tensor => {
      const buffer = device.createBuffer({ size: data.byteLength, usage: 0x80 | 0x4 | 0x8 });
      device.queue.writeBuffer(buffer, 0, data as Float32Array<ArrayBuffer>);
      return ort.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims });
    };
    return new OrtMatmul(session, { x: upload(x, [m, k]), w: upload(w, [k, n]) });
  }

  /** Runs `times` products and waits for the GPU. */
  async run(times: number): Promise<void> {
    for (let i = 0; i < times; i++) {
      const { y } = await this.session.run(this.inputs);
      y?.dispose();
    }
    const device = await ort.env.webgpu.device;
    await device.queue.onSubmittedWorkDone();
  }

  /** The product read back. */
  async result(): Promise<Float32Array> {
    const { y } = await this.session.run(this.inputs);
    return (await y!.getData(true)) as Float32Array;
  }

  async release(): Promise<void> {
    await this.session.release();
  }
}
