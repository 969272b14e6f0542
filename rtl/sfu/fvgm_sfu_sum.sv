// Sum of the groups of a row in the order of docs/sfu.md (row_sum in models/sfu.py).
//
// The 8 lanes by a binary tree, lanes from group_i.lanes on as +0; then 4 interleaved partial sums by
// group index modulo 4, which start at +0, so that an adder of latency 4 takes a group per cycle;
// at the end of the row (p0 + p1) + (p2 + p3). FP32.
// sum_o with its context and pass 6 adder latencies = 24 cycles after the last group of the row;
// one group per cycle, rows of any length back to back.
`include "fvgm_assert.svh"

module fvgm_sfu_sum
  import fvgm_fp_pkg::*;
  import fvgm_sfu_pkg::*;
(
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic                   valid_i,
    input  group_t                 group_i,
    input  pass_e                  pass_i,
    input  logic [Lanes-1:0][31:0] x_i,
    output logic                   valid_o,
    output ctx_t                   ctx_o,
    output pass_e                  pass_o,
    output logic [31:0]            sum_o
);

  localparam int unsigned TreeLatency = 3 * FpAddLatency;
  localparam int unsigned AccLatency = TreeLatency + FpAddLatency;
  localparam int unsigned MergeLatency = 2 * FpAddLatency;

  typedef struct packed {
    ctx_t ctx;
    pass_e pass;
    logic [1:0] part;
    logic early;  // one of the first four groups: its partial sum starts here
    logic last;
  } side_t;

  // Tree
  logic [31:0] leaf[Lanes];
  logic [31:0] l1[4];
  logic [31:0] l2[2];
  logic [31:0] group_sum;
  logic [3:0] l1_valid;
  logic [1:0] l2_valid;
  logic group_valid;

  always_comb begin
    for (int unsigned i = 0; i < Lanes; i++) leaf[i] = (4'(i) < group_i.lanes) ? x_i[i] : 32'b0;
  end

  for (genvar i = 0; i < 4; i++) begin : gen_l1
    fvgm_fp32_add u_add (
        .clk_i,
        .rst_ni,
        .valid_i,
        .a_i(leaf[2*i]),
        .b_i(leaf[2*i+1]),
        .valid_o(l1_valid[i]),
        .y_o(l1[i])
    );
  end

  for (genvar i = 0; i < 2; i++) begin : gen_l2
    fvgm_fp32_add u_add (
        .clk_i,
        .rst_ni,
        .valid_i(l1_valid[2*i] && l1_valid[2*i+1]),
        .a_i(l1[2*i]),
        .b_i(l1[2*i+1]),
        .valid_o(l2_valid[i]),
        .y_o(l2[i])
    );
  end

  fvgm_fp32_add u_l3 (
      .clk_i,
      .rst_ni,
      .valid_i(&l2_valid),
      .a_i(l2[0]),
      .b_i(l2[1]),
      .valid_o(group_valid),
      .y_o(group_sum)
  );

  // What belongs to a group moves along
  side_t side_d;
  side_t side_q[AccLatency];
  logic [AccLatency-1:0] side_valid_q;

  always_comb begin
    side_d.ctx = group_i.ctx;
    side_d.pass = pass_i;
    side_d.part = group_i.index[1:0];
    side_d.early = group_i.index[GroupBits-1:2] == '0;
    side_d.last = group_i.row_last;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) side_valid_q <= '0;
    else side_valid_q <= {side_valid_q[AccLatency-2:0], valid_i};
    if (valid_i) side_q[0] <= side_d;
    for (int unsigned i = 1; i < AccLatency; i++) begin
      if (side_valid_q[i-1]) side_q[i] <= side_q[i-1];
    end
  end

  // Partial sums. A partial sum is needed again four groups later: at the earliest in the cycle in
  // which the adder delivers it.
  side_t out;
  logic [1:0] in_part;
  logic acc_valid;
  logic [31:0] acc_old, acc_new;
  logic [3:0][31:0] part_q;

  assign in_part = side_q[TreeLatency-1].part;
  assign out = side_q[AccLatency-1];

  always_comb begin
    acc_old = part_q[in_part];
    if (acc_valid && out.part == in_part) acc_old = acc_new;
    if (side_q[TreeLatency-1].early) acc_old = '0;
  end

  fvgm_fp32_add u_acc (
      .clk_i,
      .rst_ni,
      .valid_i(group_valid),
      .a_i(acc_old),
      .b_i(group_sum),
      .valid_o(acc_valid),
      .y_o(acc_new)
  );

  always_ff @(posedge clk_i) begin
    if (acc_valid) part_q[out.part] <= acc_new;
  end

  // End of the row: the sums of the three groups before are in part_q, unless the row is shorter.
  logic [3:0][31:0] final_part;
  logic [1:0] m1_valid;
  logic [31:0] m1[2];

  always_comb begin
    final_part = part_q;
    if (out.early) begin
      for (int unsigned i = 0; i < 4; i++) if (2'(i) > out.part) final_part[i] = '0;
    end
    final_part[out.part] = acc_new;
  end

  for (genvar i = 0; i < 2; i++) begin : gen_m1
    fvgm_fp32_add u_add (
        .clk_i,
        .rst_ni,
        .valid_i(acc_valid && out.last),
        .a_i(final_part[2*i]),
        .b_i(final_part[2*i+1]),
        .valid_o(m1_valid[i]),
        .y_o(m1[i])
    );
  end

  fvgm_fp32_add u_m2 (
      .clk_i,
      .rst_ni,
      .valid_i(&m1_valid),
      .a_i(m1[0]),
      .b_i(m1[1]),
      .valid_o,
      .y_o(sum_o)
  );

  typedef struct packed {
    ctx_t ctx;
    pass_e pass;
  } row_t;

  row_t row_q[MergeLatency];
  logic [MergeLatency-1:0] row_valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) row_valid_q <= '0;
    else row_valid_q <= {row_valid_q[MergeLatency-2:0], acc_valid && out.last};
    if (acc_valid && out.last) row_q[0] <= {out.ctx, out.pass};
    for (int unsigned i = 1; i < MergeLatency; i++) begin
      if (row_valid_q[i-1]) row_q[i] <= row_q[i-1];
    end
  end

  assign ctx_o = row_q[MergeLatency-1].ctx;
  assign pass_o = row_q[MergeLatency-1].pass;

  `FVGM_ASSERT(SideAligned, acc_valid == side_valid_q[AccLatency-1] &&
               valid_o == row_valid_q[MergeLatency-1])

endmodule
