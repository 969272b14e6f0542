// Maximum of the groups of a row, NaN-propagating.
//
// magnitude_i 0: greatest FP32 value (-0 below +0); 1: greatest magnitude. Only the first
// group_i.lanes lanes count. NaN, if any lane is NaN (canonical NaN in). FP32 in and out.
// magnitude_i is constant. max_o with its context 4 cycles after the last group of the row; one group per cycle.
module fvgm_sfu_max
  import fvgm_fp_pkg::*;
  import fvgm_sfu_pkg::*;
(
    input  logic                    clk_i,
    input  logic                    rst_ni,
    input  logic                    valid_i,
    input  group_t                  group_i,
    input  logic                    magnitude_i,
    input  logic [Lanes-1:0][31:0]  x_i,
    output logic                    valid_o,
    output ctx_t                    ctx_o,
    output logic [31:0]             max_o
);

  typedef struct packed {
    ctx_t ctx;
    logic first;
    logic last;
  } side_t;

  // Keys order as unsigned numbers; the key of canonical NaN is above every other.
  function automatic logic [31:0] key_of(logic [31:0] x, logic magnitude);
    if (magnitude) return {1'b0, x[30:0]};
    return x[31] ? ~x : {1'b1, x[30:0]};
  endfunction

  function automatic logic [31:0] greater(logic [31:0] a, logic [31:0] b);
    return (a > b) ? a : b;
  endfunction

  logic [3:0] valid_q;
  side_t side_d;
  side_t side_q[3];

  always_comb begin
    side_d.ctx = group_i.ctx;
    side_d.first = group_i.index == '0;
    side_d.last = group_i.row_last;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= {valid_q[2] && side_q[2].last, valid_q[1:0], valid_i};
  end

  // Stages 1 to 3: a tree over the lanes
  logic [31:0] key[Lanes];
  logic [31:0] l1_q[4];
  logic [31:0] l2_q[2];
  logic [31:0] l3_q;

  always_comb begin
    for (int unsigned i = 0; i < Lanes; i++) begin
      key[i] = (4'(i) < group_i.lanes) ? key_of(x_i[i], magnitude_i) : 32'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (valid_i) begin
      side_q[0] <= side_d;
      for (int unsigned i = 0; i < 4; i++) l1_q[i] <= greater(key[2*i], key[2*i+1]);
    end
    if (valid_q[0]) begin
      side_q[1] <= side_q[0];
      for (int unsigned i = 0; i < 2; i++) l2_q[i] <= greater(l1_q[2*i], l1_q[2*i+1]);
    end
    if (valid_q[1]) begin
      side_q[2] <= side_q[1];
      l3_q <= greater(l2_q[0], l2_q[1]);
    end
  end

  // Stage 4: over the groups
  logic [31:0] row_d, row_q;
  ctx_t ctx_q;

  assign row_d = side_q[2].first ? l3_q : greater(row_q, l3_q);

  always_ff @(posedge clk_i) begin
    if (valid_q[2]) begin
      row_q <= row_d;
      ctx_q <= side_q[2].ctx;
    end
  end

  assign valid_o = valid_q[3];
  assign ctx_o = ctx_q;

  always_comb begin
    max_o = row_q[31] ? {1'b0, row_q[30:0]} : ~row_q;
    if (magnitude_i) max_o = row_q;
  end

endmodule
