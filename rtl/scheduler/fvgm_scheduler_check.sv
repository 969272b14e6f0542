// Checks every field of one instruction; models/scheduler.py states the same checks.
//
// Flags, lengths and alignment are looked at in one cycle. Address ranges are sums
// base + (n_0 - 1) * step_0 + (n_1 - 1) * step_1 ...: one 16 x 32 multiplier and one accumulator take a
// term per cycle. All sums are below 2^50, nothing wraps. Causes are found in the order
// ILLEGAL_OPCODE, ILLEGAL_FIELD, ZERO_LENGTH, MISALIGNED, BUFFER_RANGE, WINDOW_RANGE.
//
// instr_i stays stable from instr_valid_i until the result is taken (result_valid_o && result_ready_i);
// the source then shows the next one. addr_o is the HBM address for MISALIGNED and
// WINDOW_RANGE, else 0. Cycles from valid to result: END and unknown opcodes 1, LOAD and STORE 9,
// GEMM 16, SFU 13. abort_i drops the present check.
`include "fvgm_assert.svh"

module fvgm_scheduler_check #(
    parameter int unsigned ABufUnits   = 2048,
    parameter int unsigned BBufUnits   = 2048,
    parameter int unsigned VBufUnits   = 2048,
    parameter int unsigned PBufEntries = 64,
    parameter int unsigned RBufWords   = 256
) (
    input  logic                                 clk_i,
    input  logic                                 rst_ni,
    input  logic                                 abort_i,
    input  fvgm_scheduler_pkg::windows_t         windows_i,
    input  logic                                 instr_valid_i,
    input  fvgm_isa_pkg::instr_t                 instr_i,
    output logic                                 result_valid_o,
    input  logic                                 result_ready_i,
    output fvgm_isa_pkg::cause_e                 cause_o,
    output logic [fvgm_scheduler_pkg::AddrW-1:0] addr_o
);

  import fvgm_isa_pkg::*;
  import fvgm_scheduler_pkg::*;

  localparam int unsigned SumW = 50;
  localparam int unsigned MaxFp16K = 16384;  // products that the accumulator holds (numerics.md)

  if (ABufUnits > (1 << 20) || BBufUnits > (1 << 20) || VBufUnits > (1 << 20)) begin : g_units
    $error("fvgm_scheduler_check: buffers have at most 2^20 units");
  end
  if (PBufEntries > (1 << 16) || RBufWords > (1 << 16)) begin : g_params
    $error("fvgm_scheduler_check: pbuf and rbuf have at most 2^16 entries");
  end

  // One term of a sum, and what happens to the sum after it.
  typedef struct packed {
    logic first;             // the sum starts with base
    logic buffer_end;        // the sum is the last address of an operand: compare with limit
    logic window_end;        // the sum is the end of a transfer: compare with the windows
    logic last;              // last term of the instruction
    logic [20:0] limit;      // size of the buffer
    logic [AddrW-1:0] base;
    logic [15:0] count;      // n - 1
    logic [31:0] step;
  } term_t;

  typedef enum logic [1:0] {
    StIdle,
    StTerms,
    StDrain,
    StResult
  } state_e;

  state_e state_d, state_q;
  logic [3:0] index_d, index_q;

  header_t header;
  transfer_t transfer;
  gemm_t gemm;
  sfu_t sfu;
  assign header = instr_i.header;
  assign transfer = instr_i.payload;
  assign gemm = instr_i.payload;
  assign sfu = instr_i.payload;

  function automatic logic [20:0] transfer_limit(logic [1:0] buffer);
    case (buffer)
      BufA: return 21'(ABufUnits);
      BufB: return 21'(BBufUnits);
      BufV: return 21'(VBufUnits);
      default: return 21'(4 * PBufEntries);
    endcase
  endfunction

  term_t transfer_term;
  always_comb begin
    logic [15:0] rows, in_row;
    rows = transfer.rows - 16'd1;
    in_row = transfer.row_units - 16'd1;
    transfer_term = '0;
    transfer_term.limit = transfer_limit(transfer.buffer);
    case (index_q)
      4'd0: begin
        transfer_term.first = 1'b1;
        transfer_term.base = AddrW'(transfer.base);
        transfer_term.count = rows;
        transfer_term.step = 32'(transfer.row_step);
      end
      4'd1: begin
        transfer_term.count = in_row;
        transfer_term.step = 32'(transfer.unit_step);
        transfer_term.buffer_end = 1'b1;
      end
      4'd2: begin
        transfer_term.first = 1'b1;
        transfer_term.base = transfer.hbm_addr;
        transfer_term.count = rows;
        transfer_term.step = transfer.hbm_stride;
      end
      4'd3: begin
        transfer_term.count = in_row >> 1;
        transfer_term.step = 32'd32;
      end
      default: begin
        transfer_term.count = 16'd1;
        transfer_term.step = 32'd32;
        transfer_term.window_end = 1'b1;
        transfer_term.last = 1'b1;
      end
    endcase
  end

  term_t gemm_term;
  always_comb begin
    logic [15:0] rows, columns, groups, k_groups, products;
    logic kn;
    rows = gemm.m - 16'd1;
    columns = gemm.n - 16'd1;
    groups = columns >> 3;
    products = gemm.batch - 16'd1;
    kn = gemm.b_layout == LayoutKn;
    k_groups = (gemm.precision == PrecInt8) ? (gemm.k - 16'd1) >> 4 : (gemm.k - 16'd1) >> 3;
    gemm_term = '0;
    gemm_term.step = 32'd1;
    case (index_q)
      4'd0: begin
        gemm_term.first = 1'b1;
        gemm_term.base = AddrW'(gemm.a_base);
        gemm_term.count = products;
        gemm_term.step = 32'(gemm.a_batch);
      end
      4'd1: begin
        gemm_term.count = k_groups;
        gemm_term.step = 32'(gemm.a_step);
      end
      4'd2: begin
        gemm_term.count = rows;
        gemm_term.limit = 21'(ABufUnits);
        gemm_term.buffer_end = 1'b1;
      end
      4'd3: begin
        gemm_term.first = 1'b1;
        gemm_term.base = AddrW'(gemm.b_base);
        gemm_term.count = products;
        gemm_term.step = 32'(gemm.b_batch);
      end
      4'd4: begin
        gemm_term.count = kn ? gemm.k - 16'd1 : k_groups;
        gemm_term.step = 32'(gemm.b_step);
      end
      4'd5: begin
        gemm_term.count = kn ? groups : columns;
        gemm_term.limit = 21'(BBufUnits);
        gemm_term.buffer_end = 1'b1;
      end
      4'd6: begin
        gemm_term.first = 1'b1;
        gemm_term.base = AddrW'(gemm.o_base);
        gemm_term.count = products;
        gemm_term.step = 32'(gemm.o_batch);
      end
      4'd7: begin
        gemm_term.count = rows;
        gemm_term.step = 32'(gemm.o_step);
      end
      4'd8: begin
        gemm_term.count = gemm.out_fp32 ? {groups[14:0], 1'b1} : groups;
        gemm_term.limit = 21'(VBufUnits);
        gemm_term.buffer_end = 1'b1;
      end
      4'd9: begin
        gemm_term.first = 1'b1;
        gemm_term.base = AddrW'(gemm.rbuf_base);
        gemm_term.count = products;
        gemm_term.step = 32'(gemm.m);
      end
      4'd10: begin
        gemm_term.count = rows;
        gemm_term.limit = 21'(RBufWords);
        gemm_term.buffer_end = gemm.row_scale;
      end
      default: begin
        gemm_term.first = 1'b1;
        gemm_term.base = AddrW'(gemm.pbuf_base);
        gemm_term.count = groups;
        gemm_term.limit = 21'(PBufEntries);
        gemm_term.buffer_end = gemm.col_affine;
        gemm_term.last = 1'b1;
      end
    endcase
  end

  term_t sfu_term;
  always_comb begin
    logic [15:0] rows, elements;
    logic int8_out;
    rows = sfu.rows - 16'd1;
    elements = sfu.cols - 16'd1;
    int8_out = !sfu.out_fp16 && sfu.op != SfuSoftmax && sfu.op != SfuResidual;
    sfu_term = '0;
    sfu_term.step = 32'd1;
    case (index_q)
      4'd0: begin
        sfu_term.first = 1'b1;
        sfu_term.base = AddrW'(sfu.x_base);
        sfu_term.count = rows;
        sfu_term.step = 32'(sfu.x_step);
      end
      4'd1: begin
        sfu_term.count = sfu.x_fp32 ? elements >> 2 : elements >> 3;
        sfu_term.limit = 21'(VBufUnits);
        sfu_term.buffer_end = 1'b1;
      end
      4'd2: begin
        sfu_term.first = 1'b1;
        sfu_term.base = AddrW'(sfu.y_base);
        sfu_term.count = rows;
        sfu_term.step = 32'(sfu.y_step);
      end
      4'd3: begin
        sfu_term.count = elements >> 3;
        sfu_term.limit = 21'(VBufUnits);
        sfu_term.buffer_end = sfu.op == SfuResidual;
      end
      4'd4: begin
        sfu_term.first = 1'b1;
        sfu_term.base = AddrW'(sfu.d_base);
        sfu_term.count = rows;
        sfu_term.step = 32'(sfu.d_row);
      end
      4'd5: begin
        sfu_term.count = int8_out ? elements >> 4 : elements >> 3;
        sfu_term.step = 32'(sfu.d_unit);
        sfu_term.limit = (sfu.dst == BufA) ? 21'(ABufUnits) : 21'(VBufUnits);
        sfu_term.buffer_end = 1'b1;
      end
      4'd6: begin
        sfu_term.first = 1'b1;
        sfu_term.base = AddrW'(sfu.pbuf_base);
        sfu_term.count = elements >> 3;
        sfu_term.limit = 21'(PBufEntries);
        sfu_term.buffer_end = sfu.affine;
      end
      4'd7: begin
        sfu_term.first = 1'b1;
        sfu_term.base = AddrW'(sfu.rbuf_base);
        sfu_term.count = rows;
        sfu_term.limit = 21'(RBufWords);
        sfu_term.buffer_end = int8_out || sfu.op == SfuSoftmax;
      end
      default: begin
        sfu_term.last = 1'b1;
      end
    endcase
  end

  // what needs no arithmetic
  logic illegal_opcode, illegal_field, zero_length, misaligned, ranged;

  always_comb begin
    illegal_opcode = 1'b0;
    illegal_field = 1'b0;
    zero_length = 1'b0;
    misaligned = 1'b0;
    ranged = 1'b1;
    case (header.opcode)
      OpEnd: ranged = 1'b0;
      OpLoad, OpStore: begin
        illegal_field = header.opcode == OpStore &&
                        (transfer.buffer != BufV || transfer.unit_step != 20'd1);
        zero_length = transfer.rows == '0 || transfer.row_units == '0;
        misaligned = transfer.hbm_addr[4:0] != '0 || transfer.hbm_stride[4:0] != '0;
      end
      OpGemm: begin
        illegal_field = (gemm.precision == PrecInt8)
            ? gemm.b_layout == LayoutKn
            : gemm.k > 16'(MaxFp16K) || (gemm.b_layout == LayoutKn && !gemm.b_step[0]);
        zero_length = gemm.m == '0 || gemm.n == '0 || gemm.k == '0 || gemm.batch == '0;
      end
      OpSfu: begin
        case (sfu.op)
          SfuLayernorm: illegal_field = sfu.x_fp32;
          SfuQuant, SfuGelu: illegal_field = sfu.x_fp32 || sfu.affine;
          SfuSoftmax: illegal_field = sfu.out_fp16 || sfu.affine;
          SfuResidual: illegal_field = sfu.x_fp32 || sfu.out_fp16;
          default: illegal_field = 1'b1;
        endcase
        if (sfu.dst != BufA && sfu.dst != BufV) illegal_field = 1'b1;
        zero_length = sfu.rows == '0 || sfu.cols == '0;
      end
      default: begin
        illegal_opcode = 1'b1;
        ranged = 1'b0;
      end
    endcase
  end

  // term sequence: select, multiply, accumulate, compare
  logic start, term_valid;
  term_t term;
  term_t [2:0] stage_q;
  logic [2:0] stage_valid_q;
  logic [47:0] product_q;
  logic [SumW-1:0] sum_q;
  logic bad_buffer_q, bad_window_q, above_read_q, above_write_q;
  cause_e static_q, cause;

  always_comb begin
    case (header.opcode)
      OpGemm: term = gemm_term;
      OpSfu: term = sfu_term;
      default: term = transfer_term;
    endcase
  end

  assign start = state_q == StIdle && instr_valid_i && !abort_i;
  assign term_valid = state_q == StTerms;

  always_comb begin
    state_d = state_q;
    index_d = '0;
    case (state_q)
      StIdle: if (start) state_d = ranged ? StTerms : StResult;
      StTerms: begin
        index_d = index_q + 4'd1;
        if (term.last) state_d = StDrain;
      end
      StDrain: if (stage_valid_q[2] && stage_q[2].last) state_d = StResult;
      default: if (result_ready_i) state_d = StIdle;
    endcase
    if (abort_i) state_d = StIdle;
  end

  always_comb begin
    cause = static_q;
    if (static_q == CauseNone && bad_buffer_q) cause = CauseBufferRange;
    else if (static_q == CauseNone && bad_window_q) cause = CauseWindowRange;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= StIdle;
      index_q <= '0;
      stage_valid_q <= '0;
    end else begin
      state_q <= state_d;
      index_q <= index_d;
      stage_valid_q <= abort_i ? '0 : {stage_valid_q[1:0], term_valid};
    end
  end

  // The sum of a term is in sum_q while stage_q[2] holds the term.
  always_ff @(posedge clk_i) begin
    if (start) begin
      bad_buffer_q <= 1'b0;
      bad_window_q <= 1'b0;
      static_q <= CauseNone;
      if (illegal_opcode) static_q <= CauseIllegalOpcode;
      else if (illegal_field) static_q <= CauseIllegalField;
      else if (zero_length) static_q <= CauseZeroLength;
      else if (misaligned) static_q <= CauseMisaligned;
      above_read_q <= transfer.hbm_addr >= windows_i.read_base;
      above_write_q <= transfer.hbm_addr >= windows_i.write_base;
    end
    if (term_valid) stage_q[0] <= term;
    if (stage_valid_q[0]) begin
      stage_q[1] <= stage_q[0];
      product_q <= stage_q[0].count * stage_q[0].step;
    end
    if (stage_valid_q[1]) begin
      stage_q[2] <= stage_q[1];
      sum_q <= (stage_q[1].first ? SumW'(stage_q[1].base) : sum_q) + SumW'(product_q);
    end
    if (stage_valid_q[2]) begin
      if (stage_q[2].buffer_end && sum_q >= SumW'(stage_q[2].limit)) bad_buffer_q <= 1'b1;
      if (stage_q[2].window_end) begin
        bad_window_q <= !(sum_q <= (SumW'(1) << AddrW) &&
            ((above_write_q && sum_q <= SumW'(windows_i.write_limit)) ||
             (above_read_q && sum_q <= SumW'(windows_i.read_limit) && header.opcode == OpLoad)));
      end
    end
  end

  assign result_valid_o = state_q == StResult;
  assign cause_o = cause;
  assign addr_o = (cause == CauseMisaligned || cause == CauseWindowRange) ?
                  transfer.hbm_addr : '0;

  logic unused_bits;
  assign unused_bits = ^{header, transfer.reserved, gemm.reserved, sfu};

  `FVGM_ASSERT(ResultHeld, result_valid_o && !result_ready_i && !abort_i |=>
               result_valid_o && $stable(cause_o))
  `FVGM_ASSERT(InstrHeld, instr_valid_i && state_q != StIdle && !abort_i |->
               $stable(instr_i))

endmodule
