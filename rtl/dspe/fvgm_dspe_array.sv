// Rows x Cols chains of DSP-E with the edges that they share. One step takes eight k:
//   INT8   a tile of 4*Rows x Cols, 32 MACs a chain,
//   FP16   a tile of 2*Rows x Cols, 16 MACs a chain.
//
//             b_i ─► align ─► columns                x_i of a line of rows: INT8 {row 2l+1, row 2l},
//                       │                            FP16 row l; l = 2r for port A of chain row r,
//   a_i ─► align ─► chain chain chain ...            l = 2r + 1 for port D
//   rows            chain chain chain ...
//
// step_valid_i with step_ready_o: a step is taken. last_i: it ends the tile, whose results stand in
// drain_o DspeArrayLatency cycles after its last pass went into stage 5; drain_valid_o pulses then.
// Throughput: one step per cycle; an FP16 step with operands far apart (more than 15 binary places
// within a row's eight k, or 12 within a column's) takes more passes, see fvgm_dspe_passes. The
// result does not depend on it: sums are exact. Errors: none.
module fvgm_dspe_array
  import fvgm_isa_pkg::*;
  import fvgm_dspe_pkg::*;
#(
  parameter int unsigned Rows = 1,
  parameter int unsigned Cols = 1
) (
  input  logic clk_i,
  input  logic clk2x_i,
  input  logic rst_ni,
  input  logic step_valid_i,
  output logic step_ready_o,
  input  logic last_i,
  input  precision_e precision_i,
  input  logic [2*Rows-1:0][DspeDepth-1:0][15:0] a_i,
  input  logic [Cols-1:0][DspeDepth-1:0][15:0] b_i,
  output logic drain_valid_o,
  output lane_t [Rows-1:0][Cols-1:0][1:0] drain_o
);

  localparam int unsigned Stages = DspeAlignLatency - 1;  // those that advance together

  logic first_half, advance;
  logic pass_valid, pass_last;
  logic [1:0] row_class, col_class;
  logic [Stages-1:0] valid_q, last_q;
  precision_e precision_q [Stages];
  logic valid5_q, last5_q;
  precision_e precision5_q;

  logic [2*Rows-1:0][DspeClasses-1:0] row_classes;
  logic [Cols-1:0][DspeClasses-1:0] col_classes;
  logic [2*Rows-1:0][DspeDepth-1:0][DspeRowBits-1:0] row_op;
  logic [2*Rows-1:0][4:0] row_exp;
  kind_t [2*Rows-1:0][DspeDepth-1:0] row_kind;
  logic [Cols-1:0][DspeDepth-1:0][DspeColBits-1:0] col_op;
  logic [Cols-1:0][4:0] col_exp;
  kind_t [Cols-1:0][DspeDepth-1:0] col_kind;

  assign step_ready_o = advance;

  fvgm_dspe_phase u_phase (
    .clk_i,
    .clk2x_i,
    .rst_ni,
    .first_half_o(first_half)
  );

  // Control of the stages of the edges.
  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else if (advance) valid_q <= {valid_q[Stages-2:0], step_valid_i};
  end

  always_ff @(posedge clk_i) begin
    if (advance) begin
      last_q <= {last_q[Stages-2:0], last_i};
      precision_q[0] <= precision_i;
      for (int unsigned i = 1; i < Stages; i++) precision_q[i] <= precision_q[i-1];
    end
  end

  logic [DspeClasses-1:0] any_row, any_col;

  always_comb begin
    any_row = '0;
    any_col = '0;
    for (int unsigned l = 0; l < 2 * Rows; l++) any_row |= row_classes[l];
    for (int unsigned c = 0; c < Cols; c++) any_col |= col_classes[c];
  end

  fvgm_dspe_passes u_passes (
    .clk_i,
    .rst_ni,
    .valid_i(valid_q[Stages-2]),
    .row_classes_i(any_row),
    .col_classes_i(any_col),
    .advance_o(advance),
    .pass_valid_o(pass_valid),
    .pass_last_o(pass_last),
    .row_class_o(row_class),
    .col_class_o(col_class)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid5_q <= 1'b0;
    else valid5_q <= pass_valid;
  end

  always_ff @(posedge clk_i) begin
    last5_q <= pass_last && last_q[Stages-1];
    precision5_q <= precision_q[Stages-1];
  end

  for (genvar l = 0; l < 2 * Rows; l++) begin : g_row_edge
    fvgm_dspe_align #(
      .Bits(DspeRowBits),
      .Pair(1'b1)
    ) u_align (
      .clk_i,
      .advance_i(advance),
      .precision_i,
      .x_i(a_i[l]),
      .classes_o(row_classes[l]),
      .class_i(row_class),
      .op_o(row_op[l]),
      .exp_o(row_exp[l]),
      .kind_o(row_kind[l])
    );
  end

  for (genvar c = 0; c < Cols; c++) begin : g_col_edge
    fvgm_dspe_align #(
      .Bits(DspeColBits),
      .Pair(1'b0),
      .Slack(DspeColSlack)
    ) u_align (
      .clk_i,
      .advance_i(advance),
      .precision_i,
      .x_i(b_i[c]),
      .classes_o(col_classes[c]),
      .class_i(col_class),
      .op_o(col_op[c]),
      .exp_o(col_exp[c]),
      .kind_o(col_kind[c])
    );
  end

  for (genvar r = 0; r < Rows; r++) begin : g_row
    for (genvar c = 0; c < Cols; c++) begin : g_col
      fvgm_dspe_chain u_chain (
        .clk_i,
        .clk2x_i,
        .rst_ni,
        .first_half_i(first_half),
        .valid_i(valid5_q),
        .last_i(last5_q),
        .precision_i(precision5_q),
        .a_i(row_op[2*r]),
        .d_i(row_op[2*r+1]),
        .b_i(col_op[c]),
        .exp_row_i({row_exp[2*r+1], row_exp[2*r]}),
        .exp_col_i(col_exp[c]),
        .kind_row_i({row_kind[2*r+1], row_kind[2*r]}),
        .kind_col_i(col_kind[c]),
        .drain_o(drain_o[r][c])
      );
    end
  end

  logic [DspeChainLatency-1:0] drain_valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) drain_valid_q <= '0;
    else drain_valid_q <= {drain_valid_q[DspeChainLatency-2:0], valid5_q && last5_q};
  end

  assign drain_valid_o = drain_valid_q[DspeChainLatency-1];

endmodule
