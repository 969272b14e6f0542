// Four running sums of aligned chunks and their conversion to FP32 (models/su.py: accumulate,
// to_float).
//
// A sum is a 52-bit integer with an exponent; the smaller of sum and chunk is shifted right to the
// greater exponent. The sum of a slot's kind is fetched a cycle ahead, so that sums of one kind may
// follow each other; its adder is cut in two halves, the upper one with both carries.
// token_i.last ends a sum: value_o, valid_o follow. A row with an infinity or NaN (bad_i), and
// every row under a mask (mask_i), has the norm +infinity and products that are 0, as a product with
// another such row is. row_end_o, keep_o: with the last sum of a row.
// Latency 7 cycles. Throughput: a chunk per cycle. Errors: none; |A| stays below 2^50.
module fvgm_su_acc
  import fvgm_su_pkg::*;
  import fvgm_fp_pkg::*;
(
  input  logic clk_i,
  input  logic rst_ni,

  input  token_t token_i,
  input  logic [SuSumBits-1:0] sum_i,
  input  logic [5:0] exponent_i,
  input  logic bad_i,
  input  logic mask_i,

  output logic valid_o,
  output logic row_end_o,
  output logic keep_o,
  output logic [31:0] value_o
);

  localparam int unsigned Half = SuAccBits / 2;
  localparam int unsigned Group = SuAccBits / 4;
  localparam int unsigned Window = Group + 23;

  typedef enum logic [1:0] {Plain, Zero, Infinite} force_e;

  typedef struct packed {
    logic valid;
    logic row_end;
    logic keep;
    force_e forced;
    logic [5:0] exp;
  } side_t;

  // Stage 1: exponents and shifts.
  logic [1:0] kind0;
  logic [3:0][5:0] scale_q;
  logic [5:0] scale, shift_old_q, shift_new_q, scale1_q;
  logic [6:0] rise;
  logic up, bad, norm_bad, bad1_q;
  logic [3:0] bad_q;
  logic [SuSumBits-1:0] sum1_q;
  token_t token1_q;

  assign kind0 = token_i.kind[1:0];
  assign scale = token_i.first ? '0 : scale_q[kind0];
  assign rise = {1'b0, exponent_i} - {1'b0, scale};
  assign up = !rise[6];
  assign bad = bad_i || mask_i || (!token_i.first && bad_q[kind0]);
  assign norm_bad = bad || (kind0 != 2'd0 && bad_q[0]);

  always_ff @(posedge clk_i) begin
    shift_old_q <= up ? rise[5:0] : '0;
    shift_new_q <= up ? '0 : -rise[5:0];
    scale1_q <= up ? exponent_i : scale;
    if (token_i.valid) begin
      scale_q[kind0] <= up ? exponent_i : scale;
      bad_q[kind0] <= bad;
    end
    bad1_q <= norm_bad;
    sum1_q <= sum_i;
    token1_q <= token_i;
    if (!rst_ni) token1_q.valid <= 1'b0;
  end

  // Stage 2: the chunk's sum shifted.
  logic [SuSumBits-1:0] sum2_q;
  logic [5:0] shift2_q, scale2_q;
  logic bad2_q;
  token_t token2_q;

  always_ff @(posedge clk_i) begin
    sum2_q <= $signed(sum1_q) >>> shift_new_q;
    shift2_q <= shift_old_q;
    scale2_q <= scale1_q;
    bad2_q <= bad1_q;
    token2_q <= token1_q;
    if (!rst_ni) token2_q.valid <= 1'b0;
  end

  // Stage 3: the sum. acc_q is the one of token2_q.
  logic [3:0][SuAccBits-1:0] bank_q;
  logic [SuAccBits-1:0] acc_q, acc_shifted, acc_d, addend;
  logic [Half:0] low;
  logic [Half-1:0] high0, high1;
  logic forward;

  assign addend = SuAccBits'($signed(sum2_q));
  assign acc_shifted = $signed(acc_q) >>> shift2_q;
  assign low = {1'b0, acc_shifted[Half-1:0]} + {1'b0, addend[Half-1:0]};
  assign high0 = acc_shifted[SuAccBits-1:Half] + addend[SuAccBits-1:Half];
  assign high1 = acc_shifted[SuAccBits-1:Half] + addend[SuAccBits-1:Half] + 1'b1;
  assign acc_d = {low[Half] ? high1 : high0, low[Half-1:0]};
  assign forward = token2_q.valid && token2_q.kind[1:0] == token1_q.kind[1:0];

  side_t side3_q;
  logic [SuAccBits-1:0] acc3_q;

  always_ff @(posedge clk_i) begin
    if (token2_q.valid) bank_q[token2_q.kind[1:0]] <= acc_d;
    if (token1_q.first) acc_q <= '0;
    else acc_q <= forward ? acc_d : bank_q[token1_q.kind[1:0]];

    acc3_q <= acc_d;
    side3_q.valid <= rst_ni && token2_q.valid && token2_q.last;
    side3_q.row_end <= token2_q.row_end;
    side3_q.keep <= token2_q.keep;
    side3_q.exp <= scale2_q;
    side3_q.forced <= !bad2_q ? Plain : (token2_q.kind == SlotNorm) ? Infinite
                      : (token2_q.kind == SlotCached) ? Plain : Zero;
  end

  logic unused;
  assign unused = token2_q.first;

  // Stages 4 and 5: magnitude, lower half first.
  side_t side4_q, side5_q;
  logic [Half:0] low4_q;
  logic [Half-1:0] high4_q;
  logic sign4_q, sign5_q;
  logic [SuAccBits-1:0] mag5_q;

  always_ff @(posedge clk_i) begin
    side4_q <= side3_q;
    sign4_q <= acc3_q[SuAccBits-1];
    low4_q <= {1'b0, acc3_q[Half-1:0] ^ {Half{acc3_q[SuAccBits-1]}}}
              + (Half + 1)'(acc3_q[SuAccBits-1]);
    high4_q <= acc3_q[SuAccBits-1:Half] ^ {Half{acc3_q[SuAccBits-1]}};
    side5_q <= side4_q;
    sign5_q <= sign4_q;
    mag5_q <= {high4_q + Half'(low4_q[Half]), low4_q[Half-1:0]};
    if (!rst_ni) begin
      side4_q.valid <= 1'b0;
      side5_q.valid <= 1'b0;
    end
  end

  // Stage 6: the leading group of 13 bits with the 23 behind it.
  side_t side6_q;
  logic sign6_q;
  logic [1:0] group_d, group6_q;
  logic [Window-1:0] window_d, window6_q;

  always_comb begin
    group_d = 2'd3;
    for (int unsigned i = 1; i < 4; i++) begin
      if (mag5_q[Group*i+:Group] != '0) group_d = 2'(3 - i);
    end
    unique case (group_d)
      2'd0: window_d = mag5_q[SuAccBits-1-:Window];
      2'd1: window_d = mag5_q[SuAccBits-Group-1-:Window];
      2'd2: window_d = {mag5_q[2*Group-1:0], {(Window - 2 * Group){1'b0}}};
      default: window_d = {mag5_q[Group-1:0], {(Window - Group){1'b0}}};
    endcase
  end

  always_ff @(posedge clk_i) begin
    side6_q <= side5_q;
    sign6_q <= sign5_q;
    group6_q <= group_d;
    window6_q <= window_d;
    if (!rst_ni) side6_q.valid <= 1'b0;
  end

  // Stage 7: the rest of the shift, exponent, special values.
  logic [3:0] zeros;
  logic [Window-1:0] fine;
  logic [7:0] drop;

  always_comb begin
    zeros = '0;
    for (int unsigned i = 0; i < Group; i++) begin
      if (window6_q[Window-Group+i]) zeros = 4'(Group - 1 - i);
    end
    fine = window6_q << zeros;
    unique case (group6_q)
      2'd0: drop = 8'd118;  // of the highest bit of A: 127 + 51 - 60
      2'd1: drop = 8'(118 - Group);
      2'd2: drop = 8'(118 - 2 * Group);
      default: drop = 8'(118 - 3 * Group);
    endcase
  end

  always_ff @(posedge clk_i) begin
    valid_o <= rst_ni && side6_q.valid;
    row_end_o <= side6_q.row_end;
    keep_o <= side6_q.keep;
    value_o <= {sign6_q, drop + 8'(side6_q.exp) - 8'(zeros), fine[Window-2-:23]};
    if (side6_q.forced == Infinite) value_o <= Fp32PosInf;
    else if (side6_q.forced == Zero || !fine[Window-1]) value_o <= '0;
  end

endmodule
