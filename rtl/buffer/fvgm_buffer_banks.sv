// Banks of a buffer of 128-bit units: its write ports, and a read port for each bank.
//
// Unit a lives in bank a mod Banks, row a / Banks. Addresses wrap modulo Units. Each bank does one read
// and one write per cycle. A read of a unit in the cycle in which it is written returns the old unit;
// one cycle later, the new.
//
// Bank b: rd_data_o[b] is its row rd_row_i[b], one cycle after rd_en_i[b], until the next.
// Write port p: unit i of wr_data_i[p] goes to wr_addr_i[p][i] where wr_mask_i[p][i]. Per bank the
// lowest port, then the lowest unit goes first; a port remembers which of its units are written and
// is ready in the cycle in which the last one is.
//
// Parameters: Units and Banks are powers of two; AddrBits is the width of the addresses at the ports
// (bits above Units are ignored). Of the write ports in Narrow only unit 0 exists, their others are ignored.
// Latency: read 1 cycle, write 0 (accepted is written). Throughput: WriteUnits per write port and cycle,
// less the bank conflicts.
module fvgm_buffer_banks #(
  parameter int unsigned Units      = 2048,
  parameter int unsigned Banks      = 4,
  parameter int unsigned WriteUnits = 2,
  parameter int unsigned WritePorts = 1,
  parameter int unsigned AddrBits   = 20,
  parameter bit [WritePorts-1:0] Narrow = '0,
  localparam int unsigned UnitBits  = $clog2(Units),
  localparam int unsigned BankBits  = $clog2(Banks),
  localparam int unsigned RowBits   = UnitBits - BankBits
) (
  input  logic clk_i,
  input  logic rst_ni,

  input  logic [Banks-1:0]              rd_en_i,
  input  logic [Banks-1:0][RowBits-1:0] rd_row_i,
  output logic [Banks-1:0][127:0]       rd_data_o,

  input  logic [WritePorts-1:0]                    wr_valid_i,
  output logic [WritePorts-1:0]                    wr_ready_o,
  input  logic [WritePorts-1:0][WriteUnits-1:0]    wr_mask_i,
  input  logic [WritePorts-1:0][WriteUnits-1:0][AddrBits-1:0] wr_addr_i,
  input  logic [WritePorts-1:0][WriteUnits-1:0][127:0] wr_data_i
);

  localparam int unsigned Rows = Units / Banks;
  localparam int unsigned Writers = WritePorts * WriteUnits;
  localparam int unsigned WriterBits = (Writers > 1) ? $clog2(Writers) : 1;
  localparam int unsigned LowBits = (BankBits + 1) / 2;
  localparam int unsigned Lows = 2 ** LowBits;
  localparam int unsigned Highs = Banks / Lows;
  localparam string RamStyle = (Rows >= 4096) ? "ultra" : "auto";

  if (Units != 2 ** UnitBits) begin : gen_illegal_units
    $error("fvgm_buffer_banks: Units must be a power of two");
  end
  if (Banks != 2 ** BankBits || Banks < 2) begin : gen_illegal_banks
    $error("fvgm_buffer_banks: Banks must be a power of two, >= 2");
  end
  if (Units < 2 * Banks) begin : gen_illegal_depth
    $error("fvgm_buffer_banks: Units must be at least 2 * Banks");
  end
  if (AddrBits < UnitBits) begin : gen_illegal_addr_bits
    $error("fvgm_buffer_banks: AddrBits must hold an address below Units");
  end

  // Writes: requester w = port * WriteUnits + unit, lower goes first.
  logic [Writers-1:0] want, grant, written_d, written_q;
  logic [Writers-1:0][BankBits-1:0] wr_bank;
  logic [Writers-1:0][RowBits-1:0] wr_row;
  logic [Writers-1:0][127:0] wr_data;
  logic [Banks-1:0] bank_we;
  logic [Banks-1:0][WriterBits-1:0] bank_writer;
  logic [Writers-1:0][Highs-1:0] high;
  logic [Writers-1:0][Lows-1:0] low;

  for (genvar p = 0; p < WritePorts; p++) begin : gen_wr_port
    for (genvar u = 0; u < WriteUnits; u++) begin : gen_wr_unit
      localparam int unsigned W = p * WriteUnits + u;
      localparam bit Exists = u == 0 || !Narrow[p];
      assign want[W] = Exists && wr_valid_i[p] && wr_mask_i[p][u] && !written_q[W];
      assign wr_bank[W] = Exists ? wr_addr_i[p][u][BankBits-1:0] : '0;
      assign wr_row[W] = Exists ? wr_addr_i[p][u][UnitBits-1:BankBits] : '0;
      assign wr_data[W] = Exists ? wr_data_i[p][u] : '0;
    end
    assign wr_ready_o[p] = want[p*WriteUnits+:WriteUnits] == grant[p*WriteUnits+:WriteUnits];
  end

  always_comb begin
    grant = want;
    for (int unsigned w = 1; w < Writers; w++) begin
      for (int unsigned v = 0; v < w; v++) begin
        if (want[v] && wr_bank[v] == wr_bank[w]) grant[w] = 1'b0;
      end
    end
  end

  // A bank finds its lowest requester without the grants, which come later. Its number is compared in
  // two halves, each once for all banks that share it.
  always_comb begin
    for (int unsigned w = 0; w < Writers; w++) begin
      for (int unsigned n = 0; n < Highs; n++)
        high[w][n] = want[w] && (Banks >> LowBits == 1 || wr_bank[w] >> LowBits == BankBits'(n));
      for (int unsigned n = 0; n < Lows; n++) low[w][n] = LowBits'(wr_bank[w]) == LowBits'(n);
    end
  end

  always_comb begin
    bank_we = '0;
    bank_writer = '0;
    for (int unsigned b = 0; b < Banks; b++) begin
      for (int w = int'(Writers) - 1; w >= 0; w--) begin
        if (high[w][b>>LowBits] && low[w][b%Lows]) begin
          bank_we[b] = 1'b1;
          bank_writer[b] = WriterBits'(w);
        end
      end
    end
  end

  always_comb begin
    written_d = written_q | grant;
    for (int unsigned p = 0; p < WritePorts; p++) begin
      if (wr_ready_o[p]) written_d[p*WriteUnits+:WriteUnits] = '0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) written_q <= '0;
    else written_q <= written_d;
  end

  for (genvar b = 0; b < Banks; b++) begin : gen_bank
    fvgm_ram_1r1w #(
      .Width(128),
      .Depth(Rows),
      .RamStyle(RamStyle)
    ) u_ram (
      .clk_i,
      .wr_en_i(bank_we[b]),
      .wr_addr_i(wr_row[bank_writer[b]]),
      .wr_data_i(wr_data[bank_writer[b]]),
      .rd_en_i(rd_en_i[b]),
      .rd_addr_i(rd_row_i[b]),
      .rd_data_o(rd_data_o[b])
    );
  end

  if (AddrBits > UnitBits) begin : gen_unused
    logic unused_addr;
    always_comb begin
      unused_addr = 1'b0;
      for (int unsigned p = 0; p < WritePorts; p++) begin
        for (int unsigned u = 0; u < WriteUnits; u++) begin
          unused_addr ^= ^wr_addr_i[p][u][AddrBits-1:UnitBits];
        end
      end
    end
  end

  `include "fvgm_assert.svh"
  for (genvar p = 0; p < WritePorts; p++) begin : gen_assert
    `FVGM_ASSERT(WriteHeld, wr_valid_i[p] && !wr_ready_o[p] |=> wr_valid_i[p] &&
                 $stable(wr_mask_i[p]) && $stable(wr_addr_i[p]))
  end

endmodule
